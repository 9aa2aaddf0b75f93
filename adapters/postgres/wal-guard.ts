import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { codeOf } from './errors.ts';
import type { Database } from './sql/database.ts';
import { changePressure, dropSlot, endHolder, markDropped, selectWalUse } from './sql/wal-guard.ts';
import { nextPressure, steps, type WalPressure } from './wal-pressure.ts';

export interface WalSample {
  readonly pressure: WalPressure;
  readonly usedRatio: number;
  readonly budgetBytes: number;
  /** Slots lost within the last hour, for whatever reason. */
  readonly recentLosses: number;
}

export interface WalGuardDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Who acted, for the audit log. */
  readonly name: string;
  readonly everyMs: number;
  readonly onSample?: (sample: WalSample) => void;
}

const MAX_PAUSE_MS = 30_000;

/**
 * Keeps the relay's slots from filling the server's disk. Every process that can run it does, since the one that would be
 * needed may be the one that hangs: each relay, leading or not, and each API. What is to be done is decided in the
 * database, by statements that only one of them can be the first to run. Resolves when the signal aborts.
 */
export async function guardWal(deps: WalGuardDeps, signal: AbortSignal): Promise<void> {
  const { clock, logger } = deps;
  let failures = 0;
  while (!signal.aborted) {
    try {
      await look(deps);
      failures = 0;
    } catch (error) {
      failures += 1;
      if (!signal.aborted)
        logger.error('the write-ahead log could not be guarded', { ...adviceOn(error), error });
    }
    await clock.sleep(Math.min(deps.everyMs * 2 ** failures, Math.max(deps.everyMs, MAX_PAUSE_MS)), signal);
  }
}

async function look(deps: WalGuardDeps): Promise<void> {
  const rows = await selectWalUse(deps.db);
  const [first] = rows;
  if (!first) return;
  const budget = BigInt(first.budget);
  const slots = rows.flatMap(({ slot, retained, rebuilding }) =>
    slot === null ? [] : [{ slot, rebuilding, retained: BigInt(retained) }],
  );
  const used = Math.max(0, ...slots.map(({ retained }) => Number(retained) / Number(budget)));
  const rebuilding = slots.some((slot) => slot.rebuilding);
  const pressure = nextPressure({ pressure: first.pressure, used, rebuilding });
  deps.onSample?.({
    pressure,
    usedRatio: used,
    budgetBytes: Number(budget),
    recentLosses: first.losses,
  });
  if (pressure !== first.pressure) await change(deps, { from: first.pressure, to: pressure, used, budget });
  const limit = (budget * BigInt(steps.dropped * 100)) / 100n;
  for (const { slot, retained } of slots) if (retained >= limit) await giveUp(deps, slot, limit);
}

async function change(
  { db, logger, name }: WalGuardDeps,
  step: { from: WalPressure; to: WalPressure; used: number; budget: bigint },
): Promise<void> {
  const { from, to, used, budget } = step;
  if (!(await changePressure(db, { from, to, used, actor: name }))) return;
  const fields = { from, to, usedRatio: Number(used.toFixed(3)), budgetBytes: budget };
  if (to === 'calm') logger.info('the relay follows the write-ahead log again', fields);
  else if (to === 'alert') logger.warn('the write-ahead log waits for the relay', fields);
  else if (to === 'fallback')
    logger.error('the write-ahead log nears its budget: new jobs are for polling', fields);
  else logger.error('the write-ahead log has used up its budget: the slot is given up', fields);
}

/** Tried again at the next look: a leader that comes back in between finds the mark, and makes the slot anew itself. */
async function giveUp({ db, logger, name }: WalGuardDeps, slot: string, limit: bigint): Promise<void> {
  await markDropped(db, slot, name);
  await endHolder(db, slot, limit);
  try {
    const dropped = await dropSlot(db, slot, limit);
    if (!dropped) return;
  } catch (error) {
    if (isElsewhere(error)) return;
    throw error;
  }
  logger.error('the slot was dropped before it fills the disk; the next leader dispatches from the table', {
    slot,
    retainedBytes: limit,
  });
}

/** In use again, or dropped by another who watches. */
function isElsewhere(error: unknown): boolean {
  const code = codeOf(error);
  return code === '55006' || code === '42704';
}

function adviceOn(error: unknown): { readonly advice?: string } {
  if (codeOf(error) !== '42501') return {};
  return {
    advice:
      'The role of this process may not drop the slot. Run as a superuser: alter role … replication (on Amazon RDS: grant ' +
      'rds_replication to …), or keep a standby relay, which may.',
  };
}
