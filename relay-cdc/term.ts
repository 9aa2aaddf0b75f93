import type { Pool } from 'pg';
import type { EngineDeps } from '../engine/deps.ts';
import type { LagReader } from '../engine/ports/consumer-lag.ts';
import type { EventStreamer, ReadTail } from '../engine/ports/event-streamer.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { Lsn, Term } from '../events/ids.ts';
import { jobTopic } from '../events/topics.ts';
import { clearPublished } from './clear-published.ts';
import type { RelayConfig } from './config.ts';
import { type LagDeps, sampleConsumerLag } from './consumer-lag.ts';
import { Dispatcher } from './dispatcher.ts';
import { keepHeartbeat, sampleGauges } from './leader-duties.ts';
import { LoggedBacklog } from './logged-backlog.ts';
import type { RelayMetrics } from './metrics.ts';
import { type Leadership, prepareSlot } from './prepare-slot.ts';
import { PublishLane } from './publish-lane.ts';
import type { PublishedRow } from './published.ts';
import { PublishedTail, readPublished, SkippingPublisher } from './published-tail.ts';
import { refuseJobs } from './refusals.ts';
import { RelayCore } from './relay-core.ts';
import { recordHandOver } from './relay-state.ts';
import type { ReplicationConnection } from './replication-connection.ts';
import type { SessionOptions } from './session.ts';
import { publishStragglers } from './stragglers.ts';
import { type HandOverPhase, mayPublish, nextPhase } from './term-rules.ts';
import { aborted, atMost, unlessAborted } from './waiting.ts';
import type { WalSession } from './wal-session.ts';
import { WriteBack } from './write-back.ts';

/** Work that exactly one process does at a time. `run` resolves when the signal aborts. */
export interface RelayRole {
  readonly name: string;
  run(signal: AbortSignal, term: Term): Promise<void>;
}

export interface TermDeps {
  readonly config: RelayConfig;
  readonly pool: Pool;
  readonly engine: EngineDeps;
  readonly streamer: Pick<EventStreamer, 'publisher'>;
  /** Absent where nobody can tell how far the workers are behind. */
  readonly openLagReader?: (() => Promise<LagReader>) | undefined;
  readonly onLags?: LagDeps['onLags'];
  readonly openSession: (connection: ReplicationConnection, options: SessionOptions) => WalSession;
  /** What is done with published rows; unless given they are cleared and audited. @returns rows that were not there */
  readonly clear?: (rows: readonly PublishedRow[], term: Term) => Promise<readonly bigint[]>;
  readonly roles: readonly RelayRole[];
  readonly logger: Logger;
  readonly metrics: RelayMetrics;
  /** Without it, what a dead leader published and did not confirm is published again. */
  readonly readTail?: ReadTail | undefined;
  /** Told when the stream runs. */
  readonly onStreaming: () => void;
}

const DRAIN_DEADLINE_MS = 8_000;
const DUTIES_DEADLINE_MS = 5_000;
const SETTLE_MS = 1_000;
const PUBLISHER_CLOSE_DEADLINE_MS = 5_000;
const CLEAR_DEADLINE_MS = { handOver: 10_000, failure: 2_000 };

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

interface Lead {
  readonly deps: TermDeps;
  readonly leadership: Leadership;
  readonly stop: AbortSignal;
  readonly over: AbortController;
  readonly fail: (error: unknown) => void;
  readonly cleanup: AsyncDisposableStack;
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

/** Publisher and write-back, and the lane between them. They are closed in the opposite order: first nothing new comes. */
async function openWayOut(
  { deps, leadership, over, cleanup }: Lead,
  { tail, logged }: { tail: PublishedTail; logged: LoggedBacklog },
) {
  const { config, engine, logger, metrics, pool } = deps;
  const { term, identity } = leadership;
  const clearer = { term, serverStart: identity.serverStart };
  const { clear = (rows: readonly PublishedRow[]) => clearPublished(pool, rows, clearer) } = deps;
  let session: WalSession | undefined;
  const publisher = await deps.streamer.publisher({ clientId: `millrace-relay-${term}` });
  cleanup.defer(async () => {
    const closing = publisher.close().catch((error: unknown) => {
      logger.warn('the publisher did not close in order', { error });
    });
    await atMost(closing, PUBLISHER_CLOSE_DEADLINE_MS, engine.clock);
  });
  const writeBack = new WriteBack({
    clear: (rows) => clear(rows, term),
    maxMessages: config.limits.unclearedMessages,
    clock: engine.clock,
    logger,
    metrics,
  });
  // Told to stop while the database vanishes, it must not try for as long as a hand-over may take.
  cleanup.defer(() => writeBack.close(CLEAR_DEADLINE_MS[over.signal.aborted ? 'failure' : 'handOver']));
  const skipping = new SkippingPublisher(publisher, tail, metrics);
  const lane = new PublishLane({
    // Message by message by the tail, and as whole packs as soon as the log is beyond it.
    publisherOf: (rows) => (tail.mayHold(rows) ? skipping : publisher),
    term,
    timeoutMs: config.publishTimeoutMs,
    metrics,
    logger,
    mayPublish: () => mayPublish(over.signal.aborted ? 'over' : 'leading', session?.isCurrent() ?? true),
    onPublished: async (rows, refused) => {
      await refuseJobs(engine, refused);
      logged.published(rows);
      await writeBack.add(rows);
    },
  });
  const follow = (one: WalSession): void => {
    session = one;
  };
  return { writeBack, lane, follow };
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

async function handOver(
  { deps, leadership, over }: Lead,
  parts: {
    duties: { stop(): Promise<void> };
    dispatcher: Dispatcher;
    writeBack: WriteBack;
    session: WalSession;
  },
): Promise<void> {
  const { duties, dispatcher, writeBack, session } = parts;
  const { config, engine, pool } = deps;
  const within = (milliseconds: number, work: Promise<unknown>): Promise<void> =>
    unlessAborted(atMost(work, milliseconds, engine.clock), over.signal);
  let drained: Promise<void> | undefined;
  let isDone = false;
  const steps: Readonly<Record<HandOverPhase, () => Promise<void>>> = {
    ending_duties: () => duties.stop(),
    draining: () => {
      drained = dispatcher.drain();
      return within(DRAIN_DEADLINE_MS, drained);
    },
    clearing: () => {
      const settled = Promise.all([drained, writeBack.settle(SETTLE_MS)]).then(() => {
        isDone = true;
      });
      return within(CLEAR_DEADLINE_MS.handOver, settled);
    },
    ending_stream: () => session.stop(),
  };
  let phase = nextPhase('leading', 'stop');
  while (phase !== 'over' && phase !== 'leading') {
    await steps[phase]();
    phase = nextPhase(phase, 'done');
  }
  if (isDone) await recordHandOver(pool, { slot: config.slot, term: leadership.term });
}
