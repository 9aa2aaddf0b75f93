import { changeOutboxForm, type OutboxForm, readOutboxForm } from '../adapters/postgres/sql/outbox-form.ts';
import type { Logger } from '../engine/ports/logger.ts';
import { type AlterDeps, alterOutbox } from './alter-outbox.ts';

/**
 * Sees to it that the outbox is written as `WE_OUTBOX` says; unset, it stays as it is. Both forms come through one slot in the
 * order of their commits, and the relay reads both at all times, so nothing has to be drained.
 */
export async function settleOutbox(
  wanted: OutboxForm | undefined,
  deps: Omit<AlterDeps, 'variable'> & { readonly logger: Logger },
): Promise<void> {
  if (wanted === undefined || (await readOutboxForm(deps.pool)) === wanted) return;
  await alterOutbox({ ...deps, variable: 'WE_OUTBOX' }, (client) => changeOutboxForm(client, wanted));
  deps.logger.info('the form of the outbox was changed', { outbox: wanted });
}
