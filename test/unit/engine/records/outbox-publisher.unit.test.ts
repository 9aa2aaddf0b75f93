import { afterEach, describe, expect, it } from 'vitest';
import { MemoryEventBus } from '../../../../adapters/memory/event-bus.ts';
import { MemoryRoleScheduler } from '../../../../adapters/memory/role-scheduler.ts';
import { MemoryWorkflowRecordStore } from '../../../../adapters/memory/workflow-record-store.ts';
import { systemClock } from '../../../../adapters/system/clock.ts';
import { MillraceError } from '../../../../engine/errors.ts';
import type { EventBus } from '../../../../engine/ports/event-bus.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import {
  ensureRecordStream,
  publishRecords,
  toMessage,
} from '../../../../engine/records/outbox-publisher.ts';
import { newRecord, stored } from '../../../../sdk/testing/conformance/workflow-record-store.fixtures.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

const within = 8_000;
const options = { pollingFrequency: 5, errBackOff: 5, limit: 3 };
let abort = new AbortController();
const running: Promise<void>[] = [];

afterEach(async () => {
  abort.abort();
  await Promise.all(running.splice(0));
  abort = new AbortController();
});

async function setUp() {
  const bus = new MemoryEventBus({ clock: systemClock });
  await ensureRecordStream(bus);
  const consumer = { stream: 'workflow_records', name: 'all' };
  await bus.ensureConsumer(consumer);
  const seen: { subject: string; run_id: string; record_version: number }[] = [];
  const take = bus.subscribe(
    consumer,
    async (delivery) => {
      seen.push({ subject: delivery.subject, ...JSON.parse(delivery.payload.toString()) });
      await delivery.ack();
    },
    abort.signal,
  );
  running.push(take);
  const store = new MemoryWorkflowRecordStore({ now: () => new Date() });
  return { bus, seen, store, roles: new MemoryRoleScheduler() };
}

type Parts = Awaited<ReturnType<typeof setUp>>;

function publish(parts: Omit<Parts, 'seen'> | (Omit<Parts, 'seen' | 'bus'> & { bus: EventBus })): void {
  running.push(publishRecords({ ...parts, clock: systemClock, logger: silentLogger }, abort.signal, options));
}

describe('the publisher of record events', () => {
  it('publishes each event once, those of a run in order, and empties the outbox', async () => {
    const parts = await setUp();
    publish(parts);
    // A second process waits for the role.
    publish(parts);
    let record = newRecord({ workflowName: 'my workflow' });
    for (let count = 0; count < 8; count += 1) record = await stored(parts.store, record);
    await stored(parts.store, { ...record, runState: 'completed' });
    await waitFor(() => parts.seen.length >= 9, { within });
    await waitFor(async () => (await parts.store.listOutboxEvents({ limit: 1 })).length === 0, { within });
    expect(parts.seen.map(({ record_version }) => record_version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(parts.seen[0]?.subject).toBe('workflow_records.my_workflow.1');
    expect(parts.seen.at(-1)?.subject).toBe('workflow_records.my_workflow.run-state-change');
  });

  it('loses nothing while the bus refuses, and goes on when it takes again', async () => {
    const parts = await setUp();
    let refusals = 3;
    const bus: EventBus = Object.assign(Object.create(parts.bus), {
      publish: async (messages: Parameters<EventBus['publish']>[0]) => {
        refusals -= 1;
        if (refusals >= 0) throw new MillraceError('publish_failed', 'it is down', { retryable: true });
        return parts.bus.publish(messages);
      },
    });
    const record = await stored(parts.store, newRecord());
    publish({ ...parts, bus });
    await waitFor(() => parts.seen.length > 0, { within });
    expect(parts.seen.map(({ run_id }) => run_id)).toEqual([record.runId]);
  });

  it('publishes again what it could not delete', async () => {
    const parts = await setUp();
    let failures = 1;
    const store = Object.assign(Object.create(parts.store), {
      store: parts.store.store.bind(parts.store),
      listOutboxEvents: parts.store.listOutboxEvents.bind(parts.store),
      deleteOutboxEvents: async (ids: readonly string[]) => {
        failures -= 1;
        if (failures >= 0) throw new MillraceError('unavailable', 'it is down', { retryable: true });
        return parts.store.deleteOutboxEvents(ids);
      },
    });
    await stored(parts.store, newRecord());
    publish({ ...parts, store });
    await waitFor(() => parts.seen.length >= 2, { within });
    expect(new Set(parts.seen.map(({ record_version }) => record_version))).toEqual(new Set([1]));
  });

  it.each([
    ['a.b *>c', 'running', 'workflow_records.a_b___c.-2'],
    ['w', 'paused', 'workflow_records.w.run-state-change'],
    ['w', 'cancelled', 'workflow_records.w.run-state-change'],
    ['w', 'data_deleted', 'workflow_records.w.run-state-change'],
    ['w', 'requested_data_deleted', 'workflow_records.w.delete'],
  ] as const)('names the subject of %s in state %s', (workflowName, runState, subject) => {
    const { runId, foreignId } = newRecord();
    const event = { id: '1', workflowName, foreignId, runId, status: -2, runState, recordVersion: 1 };
    expect(toMessage({ ...event, createdAt: new Date() }).subject).toBe(subject);
  });
});
