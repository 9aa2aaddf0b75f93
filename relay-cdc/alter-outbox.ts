import type { ClientBase, Pool } from 'pg';
import { codeOf } from '../adapters/postgres/errors.ts';
import { MillraceError } from '../engine/errors.ts';
import type { Clock } from '../engine/ports/clock.ts';

export interface AlterDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Whose value asks for the change. */
  readonly variable: string;
}

const LOOK_AGAIN_MS = 500;
const TRIES = 30;

/**
 * Runs a change that takes the lock of dispatch_outbox with a short lock_timeout: those who wait behind it wait as long, so it
 * gives up soon and is tried again.
 */
export async function alterOutbox(
  { pool, clock, signal, variable }: AlterDeps,
  change: (client: ClientBase) => Promise<void>,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const client = await pool.connect();
    try {
      return await change(client);
    } catch (error) {
      const code = codeOf(error);
      if (code === '42501') throw notOwner(variable, error);
      if (code !== '55P03') throw error;
      if (tries === TRIES) throw outboxInUse(variable, error);
    } finally {
      client.release();
    }
    await clock.sleep(LOOK_AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}

function notOwner(variable: string, cause: unknown): MillraceError {
  return new MillraceError(
    'configuration',
    `The role in WE_POSTGRES_DSN does not own dispatch_outbox, which a change of ${variable} alters. Start the relay once ` +
      'as the role that ran "millrace migrate up", or run as a superuser: alter table dispatch_outbox owner to <role>',
    { cause, detail: { variable } },
  );
}

function outboxInUse(variable: string, cause: unknown): MillraceError {
  return new MillraceError(
    'configuration',
    `${variable} cannot be changed now: a long transaction has written to dispatch_outbox. Find it with: select pid, ` +
      'xact_start, query from pg_stat_activity order by xact_start. Start the relay again once it has ended.',
    { cause, retryable: true },
  );
}
