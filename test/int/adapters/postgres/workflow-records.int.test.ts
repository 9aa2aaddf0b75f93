import { afterAll, beforeAll, expect, it } from 'vitest';
import { MemoryEventBus } from '../../../../adapters/memory/event-bus.ts';
import {
  migrateRecordStore,
  type OpenRecordStore,
  openRecordStore,
} from '../../../../adapters/open-record-store.ts';
import { systemClock } from '../../../../adapters/system/clock.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import { ensureRecordStream, publishRecords } from '../../../../engine/records/outbox-publisher.ts';
import { newRecord, stored } from '../../../../sdk/testing/conformance/workflow-record-store.fixtures.ts';
import { createDatabase, type TestDatabase } from '../../../helpers/database.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

const within = 30_000;
const deps = { clock: systemClock, logger: silentLogger };
let database: TestDatabase;
let records: OpenRecordStore;

beforeAll(async () => {
  database = await createDatabase({ migrate: false });
  const env = { WE_POSTGRES_DSN: database.dsn };
  expect(await migrateRecordStore('postgres', env)).toContain('0050_workflow_records');
  records = await openRecordStore('postgres', { ...deps, env });
});

afterAll(async () => {
  await records.close();
  await database.drop();
});

it('an event whose number was drawn first and committed last is published too', async () => {
  const { store, roles } = records;
  const bus = new MemoryEventBus({ clock: systemClock });
  await ensureRecordStream(bus);
  const consumer = { stream: 'workflow_records', name: 'test' };
  await bus.ensureConsumer(consumer);
  const seen: string[] = [];
  const abort = new AbortController();
  const running = [
    bus.subscribe(
      consumer,
      async (delivery) => {
        seen.push(JSON.parse(delivery.payload.toString()).run_id);
        await delivery.ack();
      },
      abort.signal,
    ),
    publishRecords({ ...deps, store, roles, bus }, abort.signal, { pollingFrequency: 10 }),
  ];
  const early = newRecord();
  const client = await database.pool().connect();
  try {
    await client.query('begin');
    await client.query(
      `insert into workflow_outbox (workflow_name, foreign_id, run_id, status, run_state, record_version, created_at)
       values ($1, $2, $3, 1, 'initiated', 1, clock_timestamp())`,
      [early.workflowName, early.foreignId, early.runId],
    );
    const late = await stored(store, newRecord());
    await waitFor(() => seen.includes(late.runId), { within });
    expect(seen).toEqual([late.runId]);
    await client.query('commit');
    await waitFor(() => seen.includes(early.runId), { within });
    await waitFor(async () => (await store.listOutboxEvents({ limit: 1 })).length === 0, { within });
  } finally {
    client.release();
    abort.abort();
    await Promise.all(running);
  }
});

it('a record is not stored when its event cannot be', async () => {
  const record = newRecord();
  await database.pool().query('alter table workflow_outbox rename to moved_outbox');
  try {
    await expect(records.store.store(record)).rejects.toMatchObject({ code: 'migration_missing' });
  } finally {
    await database.pool().query('alter table moved_outbox rename to workflow_outbox');
  }
  expect(await records.store.lookup(record.runId)).toBeUndefined();
});
