import type { Clock } from '../ports/clock.ts';
import type { BusMessage, EventBus } from '../ports/event-bus.ts';
import type { Logger } from '../ports/logger.ts';
import type { RoleScheduler } from '../ports/role-scheduler.ts';
import type { Sleeper } from '../ports/wakeups.ts';
import type { OutboxEvent, WorkflowRecordStore } from '../ports/workflow-record-store.ts';

/** The stream that record events go to, and the first token of their subjects. */
export const RECORD_STREAM = 'workflow_records';
/** Two publishers would disturb the order of a run's events, and publish them twice. */
export const RECORD_PUBLISHER_ROLE = 'workflow-records';

export interface PublisherDeps {
  readonly store: WorkflowRecordStore;
  readonly bus: EventBus;
  readonly roles: RoleScheduler;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface PublisherOptions {
  /** How often an outbox that was empty is looked at, in milliseconds; 250 unless given. */
  readonly pollingFrequency?: number;
  /** How long to wait after an error, in milliseconds; doubled for each one more in a row, up to 30 s. 500 unless given. */
  readonly errBackOff?: number;
  /** Events published at once, at most; 1,000 unless given. */
  readonly limit?: number;
  /** Told of what this process stores, so that it need not be polled for. */
  readonly wake?: Sleeper;
}

const MAX_PAUSE_MS = 30_000;

export function ensureRecordStream(bus: EventBus): Promise<void> {
  return bus.ensureStream({ name: RECORD_STREAM, subjects: [`${RECORD_STREAM}.>`] });
}

/**
 * Lists the outbox, publishes, deletes, for as long as this process has the role. What was published and not deleted is
 * published again: a consumer passes over a `record_version` that it has seen.
 */
export async function publishRecords(
  deps: PublisherDeps,
  signal: AbortSignal,
  options: PublisherOptions = {},
): Promise<void> {
  while (!signal.aborted) {
    const lease = await deps.roles.acquire(RECORD_PUBLISHER_ROLE, signal);
    if (!lease) return;
    deps.logger.info('this process publishes the record events', { term: String(lease.term) });
    try {
      await publishWhile(deps, AbortSignal.any([signal, lease.signal]), options);
    } finally {
      await lease.release();
    }
  }
}

async function publishWhile(
  deps: PublisherDeps,
  signal: AbortSignal,
  { pollingFrequency = 250, errBackOff = 500, limit = 1_000, wake = deps.clock }: PublisherOptions,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const published = await publishOnce(deps, limit);
      failures = 0;
      if (published < limit) await wake.sleep(pollingFrequency, signal);
    } catch (error) {
      failures += 1;
      deps.logger.error('record events could not be published; they are tried again', { failures, error });
      await deps.clock.sleep(Math.min(errBackOff * 2 ** (failures - 1), MAX_PAUSE_MS), signal);
    }
  }
}

async function publishOnce({ store, bus }: PublisherDeps, limit: number): Promise<number> {
  const events = await store.listOutboxEvents({ limit });
  if (events.length === 0) return 0;
  await bus.publish(events.map(toMessage));
  await store.deleteOutboxEvents(events.map(({ id }) => id));
  return events.length;
}

/** The key keeps the order of a foreign id's events, and so that of each of its runs. */
export function toMessage(event: OutboxEvent): BusMessage {
  const { workflowName, foreignId, runId, status, runState, recordVersion, createdAt } = event;
  const subject = `${RECORD_STREAM}.${tokenOf(workflowName)}.${topicOf(event)}`;
  return {
    subject,
    key: foreignId,
    payload: Buffer.from(
      JSON.stringify({
        ...{ workflow_name: workflowName, foreign_id: foreignId, run_id: runId, status },
        ...{ run_state: runState, record_version: recordVersion, created_at: createdAt.toISOString() },
      }),
    ),
    headers: { run_id: runId, record_version: String(recordVersion) },
  };
}

/** A run that goes on is heard of by its status; one that stops, by that; one whose data must go, by that. */
function topicOf({ runState, status }: OutboxEvent): string {
  if (runState === 'initiated' || runState === 'running') return String(status);
  return runState === 'requested_data_deleted' ? 'delete' : 'run-state-change';
}

function tokenOf(name: string): string {
  return name.replaceAll(/[\s.*>]/g, '_');
}
