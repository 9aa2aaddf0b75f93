import type { PostgresLogin } from '../adapters/postgres/connection.ts';
import { sayLine } from '../adapters/system/engine-lines.ts';
import { isMillraceError } from '../engine/errors.ts';
import { type Logger, withFields } from '../engine/ports/logger.ts';
import { replicationFailed } from './failures.ts';
import type { TermDeps } from './lead.ts';
import { tryLead, waitToLead } from './leadership.ts';
import type { Leadership } from './prepare-slot.ts';
import { askForRebuild, beginTerm, identifySystem } from './relay-state.ts';
import { ReplicationConnection } from './replication-connection.ts';
import type { Shard } from './shards.ts';
import { SHARDING_QUERY, type Sharding } from './sql/reshard.ts';
import type { RelayStatus } from './status.ts';
import { runTerm } from './term.ts';

export interface RelayDeps extends Omit<TermDeps, 'onStreaming'> {
  readonly status: RelayStatus;
  /** A line for the operator, as the boot log has them. */
  readonly say: (line: string) => void;
}

/** A candidate's connection, and whether it got the lock at the first try. */
export interface Candidacy {
  readonly connection: ReplicationConnection;
  readonly leads: boolean;
}

/** A term that lasted this long was a good one: the next failure is a new one, not one more. */
const GOOD_TERM_MS = 60_000;

export async function stand(login: PostgresLogin, slot: string, name: string): Promise<Candidacy> {
  const connection = await ReplicationConnection.open(login, name);
  try {
    return { connection, leads: await tryLead(connection, slot) };
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/**
 * Candidate, leader, candidate again, until the signal aborts. @throws MillraceError when going on could only do harm:
 * the stream holds what this version cannot read, or the slot is somebody else's
 */
export async function runRelayLoop(deps: RelayDeps, first: Candidacy, signal: AbortSignal): Promise<void> {
  const { config, logger, status, engine } = deps;
  let candidacy: Candidacy | undefined = first;
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = performance.now();
    try {
      candidacy ??= await stand(config.postgres, config.slot, config.name);
      await serve(deps, candidacy, signal);
    } catch (error) {
      if (isFinal(error)) throw error;
      // Before the pause: another replica may well be able to do what this one could not, and must get the lock.
      await candidacy?.connection.close();
      failures = performance.now() - startedAt > GOOD_TERM_MS ? 1 : failures + 1;
      const pauseMs = pauseAfter(failures, config.backoff, engine.random());
      logFailure(logger, error, { pauseMs: Math.round(pauseMs), failures });
      status.fail(error);
      await engine.clock.sleep(pauseMs, signal);
    } finally {
      await candidacy?.connection.close();
      candidacy = undefined;
    }
  }
}

async function serve(deps: RelayDeps, candidacy: Candidacy, signal: AbortSignal): Promise<void> {
  const { config, engine, status, metrics, say } = deps;
  const { connection } = candidacy;
  status.standBy(connection);
  const wait = { clock: engine.clock, intervalMs: config.leaderRetryMs, signal, random: engine.random };
  const leads = candidacy.leads || (await waitToLead(connection, config.slot, wait));
  if (!leads) return;
  await requireShards(connection, config.shard);
  const identity = await identifySystem(connection);
  const { term, before } = await beginTerm(connection, { slot: config.slot, leader: config.name, identity });
  metrics.leading(term);
  status.lead();
  say(`this replica is leader=true term=${term}`);
  sayLine(deps.logger, 'becameLeader', { term });
  sayLine(deps.logger, 'relayStarted', { term });
  try {
    const logger = withFields(deps.logger, { term });
    await lead({ ...deps, logger }, { connection, identity, term, before }, signal);
  } finally {
    metrics.leading(undefined);
    say(`this replica is leader=false term=${term} has ended`);
    if (connection.lost.aborted) sayLine(deps.logger, 'lockLost', { term });
    sayLine(deps.logger, 'relayStopped', { term });
  }
}

/** With the lock: the number of shards is changed only by who holds the locks of all. */
async function requireShards(connection: ReplicationConnection, { of }: Shard): Promise<void> {
  const [row] = await connection.query<Sharding & Record<string, unknown>>(SHARDING_QUERY);
  if (!row || (row.shards === of && !row.resharding)) return;
  throw replicationFailed(
    `The number of shards was changed to ${row.shards}, and this relay runs with ${of}. Start it again with ` +
      `WE_RELAY_SHARDS=${row.shards}.`,
    { retryable: false },
  );
}

async function lead(deps: RelayDeps, leadership: Leadership, signal: AbortSignal): Promise<void> {
  const { config, pool, status } = deps;
  try {
    await runTerm({ ...deps, onStreaming: () => status.stream() }, leadership, signal);
  } catch (error) {
    if (isPublicationMissing(error)) {
      const reason = 'publication_altered';
      await askForRebuild(pool, { slot: config.slot, term: leadership.term, reason });
    }
    throw error;
  }
}

/**
 * The slot reads a part of the log in which there was no publication, and would fail at it for ever: only a new slot gets
 * past it.
 */
function isPublicationMissing(error: unknown): boolean {
  return (
    isMillraceError(error) &&
    error.detail['sqlstate'] === '42704' &&
    /publication ".*" does not exist/.test(error.message)
  );
}

function isFinal(error: unknown): boolean {
  return isMillraceError(error) && error.code === 'replication_failed' && !error.retryable;
}

/** Doubles from the shortest to the longest; a random part keeps replicas from coming back at one moment. */
function pauseAfter(failures: number, backoff: { minMs: number; maxMs: number }, random: number): number {
  const full = Math.min(backoff.maxMs, backoff.minMs * 2 ** (failures - 1));
  return full * (0.5 + 0.5 * random);
}

function logFailure(logger: Logger, error: unknown, fields: { pauseMs: number; failures: number }): void {
  logger.error('the relay failed and will become a candidate again', { ...fields, error });
  sayLine(logger, 'cycleError', { error: error instanceof Error ? error.message : String(error) });
}
