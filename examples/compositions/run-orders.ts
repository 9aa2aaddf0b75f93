import { fireTimeouts } from '../../engine/fire-timeouts.ts';
import type { BusDelivery } from '../../engine/ports/event-bus.ts';
import type { WorkflowRecord } from '../../engine/ports/workflow-record-store.ts';
import { ensureRecordStream, publishRecords, RECORD_STREAM } from '../../engine/records/outbox-publisher.ts';
import type { Composition } from './composition.ts';
import { advance, giveUp, ORDERS, type Ship } from './orders.ts';

const CONSUMER = { stream: RECORD_STREAM, name: ORDERS };
/** Steps that fail end by a pause. What is left for the bus to count is a database that is away, which it must outlast. */
const MAX_DELIVER = 1_000;

/** Publishes the events of the records, works on them, and fires timeouts, until the signal aborts. */
export async function runOrders(parts: Composition, ship: Ship, signal: AbortSignal): Promise<void> {
  const { bus, options } = parts;
  await ensureRecordStream(bus);
  await bus.ensureConsumer({
    ...CONSUMER,
    filterSubject: `${RECORD_STREAM}.${ORDERS}.*`,
    maxPending: options.parallelCount,
    maxDeliver: MAX_DELIVER,
  });
  await Promise.all([
    publishRecords({ ...parts, store: parts.records }, signal, options),
    bus.subscribe(CONSUMER, (delivery) => work(parts, ship, delivery), signal),
    fireWhileHolder(parts, signal),
  ]);
}

async function work(parts: Composition, ship: Ship, delivery: BusDelivery): Promise<void> {
  const { run_id = '', record_version } = delivery.headers;
  const record = await parts.records.lookup(run_id);
  // A later version: this event comes late or again, and what it asks for was done.
  if (record && String(record.version) === record_version && record.runState === 'running') {
    const failure = await advance(parts, record, ship).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (failure) return afterFailure(parts, { delivery, record, error: failure.error });
  }
  await delivery.ack();
}

async function afterFailure(
  { records, logger, options }: Composition,
  failed: { readonly delivery: BusDelivery; readonly record: WorkflowRecord; readonly error: unknown },
): Promise<void> {
  const { delivery, record, error } = failed;
  const { runId, foreignId } = record;
  const reason = error instanceof Error ? error.message : String(error);
  logger.warn('a step has failed', { runId, foreignId, tries: delivery.deliveryCount, error });
  if (delivery.deliveryCount < options.pauseAfterErrCount) {
    await delivery.nak({ delayMs: options.errBackOff, reason });
    return;
  }
  await records.store({ ...record, runState: 'paused', reason });
  await delivery.ack();
}

/** One process fires: two would do no harm, but ask twice as often. */
async function fireWhileHolder(parts: Composition, signal: AbortSignal): Promise<void> {
  const { roles, timeouts, clock, logger, options } = parts;
  const fire = ({ runId }: { readonly runId: string }) => giveUp(parts, runId);
  const firing = { store: timeouts, logger, workflow: ORDERS, limit: 100, retryMs: options.errBackOff, fire };
  for (;;) {
    const lease = await roles.acquire('orders-timeouts', signal);
    if (!lease) return;
    const until = AbortSignal.any([signal, lease.signal]);
    while (!until.aborted) {
      await fireTimeouts(firing).catch((error: unknown) =>
        logger.warn('the timeouts do not answer; they are asked again', { error }),
      );
      await clock.sleep(options.pollingFrequency, until);
    }
    await lease.release();
  }
}
