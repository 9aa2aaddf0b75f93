import { PostgresRoleScheduler } from '../adapters/postgres/role-scheduler.ts';
import type { Database } from '../adapters/postgres/sql/database.ts';
import { PostgresWakeups } from '../adapters/postgres/wakeups.ts';
import { guardWal, type WalSample } from '../adapters/postgres/wal-guard.ts';
import type { EngineDeps } from '../engine/deps.ts';
import type { Logger } from '../engine/ports/logger.ts';
import { runDuties } from '../engine/roles/duties.ts';
import { leaderRoles } from '../engine/roles/leader-roles.ts';
import type { FunctionsConfig } from './config.ts';
import type { JobMetrics } from './http/metrics.ts';

interface DutyParts {
  readonly deps: EngineDeps;
  readonly db: Database;
  readonly metrics: JobMetrics;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Does the leader's work whenever it is this process's turn; with a relay, only guards the write-ahead log. */
export async function doDuties(
  config: FunctionsConfig,
  { deps, db, metrics, logger, signal }: DutyParts,
): Promise<void> {
  if (config.mode !== 'polling') {
    const name = `api-${process.pid}`;
    const onSample = (sample: WalSample) => metrics.guarded(sample);
    return guardWal({ db, clock: deps.clock, logger, name, everyMs: config.walGuardMs, onSample }, signal);
  }
  const scheduler = new PostgresRoleScheduler({ ...config.postgres, clock: deps.clock, logger });
  // Without a broker no dispatch is lost: the time for that is of no matter.
  const { tickMs, retention } = config;
  const wakeups = new PostgresWakeups({ ...config.postgres, clock: deps.clock, logger });
  const roles = leaderRoles(deps, { logger, tickMs, lostAfterMs: NO_DISPATCHES_MS, wakeups, retention });
  await runDuties({ scheduler, roles, logger }, signal);
}

const NO_DISPATCHES_MS = 3_600_000;
