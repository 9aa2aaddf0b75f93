import type { Lsn } from '../events/ids.ts';
import { jobTopic } from '../events/topics.ts';
import { sampleConsumerLag } from './consumer-lag.ts';
import { Dispatcher } from './dispatcher.ts';
import { handOver } from './hand-over.ts';
import type { Lead, TermDeps } from './lead.ts';
import { keepHeartbeat, sampleGauges } from './leader-duties.ts';
import { LoggedBacklog } from './logged-backlog.ts';
import { type Leadership, prepareSlot } from './prepare-slot.ts';
import type { PublishLane } from './publish-lane.ts';
import { PublishedTail, readPublished } from './published-tail.ts';
import { RelayCore } from './relay-core.ts';
import { publishStragglers } from './stragglers.ts';
import { aborted, atMost, unlessAborted } from './waiting.ts';
import { openWayOut } from './way-out.ts';
import type { WriteBack } from './write-back.ts';

const DUTIES_DEADLINE_MS = 5_000;

/**
 * One leadership, from its term to its end. Resolves after a hand-over asked for by `stop`: then the next leader finds
 * nothing to repeat. Rejects with the first failure, of whatever part: then nothing of this term goes on, and what was not
 * acknowledged comes again from the slot.
 */
export async function runTerm(deps: TermDeps, leadership: Leadership, stop: AbortSignal): Promise<void> {
  const over = new AbortController();
  const fail = (error: unknown): void => over.abort(error);
  const { lost } = leadership.connection;
  lost.addEventListener('abort', () => fail(lost.reason), { once: true });
  if (lost.aborted) fail(lost.reason);
  await using cleanup = new AsyncDisposableStack();
  try {
    await lead({ deps, leadership, stop, over, fail, cleanup });
  } catch (error) {
    // During a hand-over the first reason counts; asked to stop, what was broken off by it is no failure.
    if (over.signal.aborted) throw over.signal.reason;
    if (!stop.aborted) throw error;
  }
}

async function lead(context: Lead): Promise<void> {
  const { deps, leadership, stop, over, fail, cleanup } = context;
  const { config, metrics } = deps;
  const tail = new PublishedTail();
  const logged = new LoggedBacklog();
  const { writeBack, lane, follow } = await openWayOut(context, { tail, logged });
  const ending = AbortSignal.any([stop, over.signal]);
  const { start, isKept } = await unlessAborted(
    prepareSlot(leadership, {
      ...deps,
      ...config,
      clock: deps.engine.clock,
      lane,
      cleared: () => writeBack.flush(),
      signal: ending,
    }),
    ending,
  );
  if (isKept && mayRepeat(leadership)) await readTail(deps, tail, ending);
  const core = new RelayCore(start, config.limits);
  const session = deps.openSession(leadership.connection, { ...config, start });
  follow(session);
  const dispatcher = new Dispatcher({
    session,
    core,
    lane,
    metrics,
    onFailure: fail,
  });
  // The last report of the session saves the next leader from repeating what was acknowledged.
  cleanup.defer(() => session.stop());
  cleanup.defer(() => dispatcher.stop());
  session.run(dispatcher).catch(fail);
  deps.onStreaming();
  const duties = startDuties(context, { lane, writeBack, watermark: () => core.watermark, tail, logged });
  cleanup.defer(() => duties.stop());
  await aborted(ending);
  over.signal.throwIfAborted();
  await handOver(context, { duties, dispatcher, writeBack, session });
}

/** After a term that did not end in order, some of what comes is published already. */
function mayRepeat({ before }: Leadership): boolean {
  return before !== undefined && !before.handedOver;
}

/** Rows that a rebuild publishes from the table come from no stream that a leader left: of them nothing is taken for sent. */
async function readTail(deps: TermDeps, tail: PublishedTail, signal: AbortSignal): Promise<void> {
  const { config, engine, logger, readTail: read } = deps;
  const { tailRecords: perPartition } = config;
  if (!read || perPartition === 0) return;
  const topics = async () => (await engine.store.listTypes()).map(jobTopic);
  await readPublished(tail, { read, topics, perPartition, clock: engine.clock, logger }, signal);
}

function startDuties(
  { deps, leadership, fail }: Lead,
  parts: {
    lane: PublishLane;
    writeBack: WriteBack;
    watermark: () => Lsn;
    tail: PublishedTail;
    logged: LoggedBacklog;
  },
): { stop(): Promise<void> } {
  const { config, engine, pool } = deps;
  const ended = new AbortController();
  const shared = { ...deps, ...config, ...parts, db: pool, clock: engine.clock, term: leadership.term };
  const running = [
    keepHeartbeat(shared, ended.signal),
    sampleGauges(shared, ended.signal),
    ...(deps.openLagReader
      ? [sampleConsumerLag({ ...shared, openLagReader: deps.openLagReader }, ended.signal)]
      : []),
    publishStragglers(
      // After the first look at all rows, everything that a dead leader left has come by.
      { ...shared, everyMs: config.heartbeatMs, onPass: () => parts.tail.forget() },
      ended.signal,
    ),
    ...deps.roles.map((role) => role.run(ended.signal, leadership.term)),
  ].map((duty) => duty.catch(fail));
  return {
    async stop() {
      ended.abort();
      await atMost(Promise.all(running), DUTIES_DEADLINE_MS, engine.clock);
    },
  };
}
