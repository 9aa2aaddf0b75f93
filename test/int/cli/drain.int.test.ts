import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readPostgresConfig } from '../../../adapters/postgres/config.ts';
import { openPgChannel } from '../../../adapters/postgres/eventbus/open.ts';
import { systemClock } from '../../../adapters/system/clock.ts';
import { consumerOf } from '../../../engine/bus-receiver.ts';
import { DISPATCH_STREAM, ensureDispatchStream } from '../../../engine/dispatch-stream.ts';
import type { ConsumerRef } from '../../../engine/ports/event-bus.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import type { StepId } from '../../../events/ids.ts';
import { jobTopic, workerGroup } from '../../../events/topics.ts';
import { millrace } from '../../e2e/millrace.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';
import { failOnLeftoverProcesses } from '../../helpers/leaks.ts';

failOnLeftoverProcesses();
// Each of the processes that are started may be slow to.
vi.setConfig({ testTimeout: 180_000 });

const STEP = 'ship' as StepId;
const FILE = `
modules:
  - name: my-events
    type: eventbus.broker
    config: { provider: pgchannel, broker_target: in_process, dsn: "\${WE_POSTGRES_DSN}" }
  - name: shipping
    type: eventbus.consumer
    config: { broker_ref: my-events, stream_name: ORDERS, name: shipping }
pipelines:
  bill:
    trigger:
      type: trigger.eventbus.subscribe
      config: { broker_ref: my-events, stream_name: ORDERS, name: billing, filter_subject: orders.accepted }
`;

let database: TestDatabase;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-drain-'));
  await writeFile(join(directory, 'bus.yaml'), FILE);
  database = await createDatabase();
  await database.pool().query('delete from job_types');
  await database.pool().query('insert into job_types (type) values ($1)', [STEP]);
});

afterAll(async () => {
  await database.drop();
  await rm(directory, { recursive: true });
});

async function cli(...args: string[]): Promise<{ code: unknown; output: string }> {
  const env = { WE_POSTGRES_DSN: database.dsn, WE_EVENT_BUS: 'pgchannel' };
  const run = millrace(args, { cwd: directory, env });
  return { code: await run.ended, output: run.output() };
}

async function onBus(use: (bus: ReturnType<typeof openPgChannel>['bus']) => Promise<void>): Promise<void> {
  const postgres = readPostgresConfig({ WE_POSTGRES_DSN: database.dsn }, { poolSize: 3 });
  const { bus, close } = openPgChannel(postgres, { clock: systemClock, logger: silentLogger });
  await use(bus).finally(close);
}

/** Acknowledges so many. */
async function consume(ref: ConsumerRef, count: number): Promise<void> {
  await onBus(async (bus) => {
    const over = new AbortController();
    let done = 0;
    const handle = async ({ ack }: { ack(): Promise<void> }): Promise<void> => {
      await ack();
      done += 1;
      if (done === count) over.abort();
    };
    await bus.subscribe(ref, handle, over.signal);
  });
}

test('of the consumers of a pipeline file, it is told what each has yet to be done with', async () => {
  const unknown = await cli('eventbus', 'status', 'bus.yaml');
  expect(unknown).toMatchObject({ code: 1, output: expect.stringContaining('shipping') });
  await onBus(async (bus) => {
    await bus.ensureStream({ name: 'ORDERS', subjects: ['orders.>'] });
    await bus.ensureConsumer({ stream: 'ORDERS', name: 'shipping' });
    await bus.ensureConsumer({ stream: 'ORDERS', name: 'billing', filterSubject: 'orders.accepted' });
    const payload = Buffer.from('{}');
    await bus.publish(['orders.accepted', 'orders.sent'].map((subject) => ({ subject, payload })));
  });
  const status = await cli('eventbus', 'status', 'bus.yaml', '--json');
  expect(JSON.parse(status.output)).toEqual({
    consumers: [
      { broker: 'my-events', stream: 'ORDERS', name: 'shipping', messages: 2 },
      { broker: 'my-events', stream: 'ORDERS', name: 'billing', messages: 1 },
    ],
  });
  await consume({ stream: 'ORDERS', name: 'shipping' }, 2);
  const early = await cli('eventbus', 'drain', 'bus.yaml', '--timeout', '1ms');
  expect(early).toMatchObject({ code: 1, output: expect.stringContaining('1 for billing in ORDERS') });
  await consume({ stream: 'ORDERS', name: 'billing' }, 1);
  const drained = await cli('eventbus', 'drain', 'bus.yaml', '--json');
  expect(drained.code).toBe(0);
  expect(JSON.parse(drained.output)).toMatchObject({ drained: true });
});

test('of the dispatch of jobs, it is told what workers of each step have not settled', async () => {
  const idle = await cli('dispatch', 'status');
  expect(idle).toMatchObject({ code: 0, output: expect.stringMatching(/ship\s+0\s+never/) });
  const ref = consumerOf(DISPATCH_STREAM, workerGroup(STEP));
  await onBus(async (bus) => {
    await ensureDispatchStream(bus);
    await bus.ensureConsumer({ ...ref, filterSubject: jobTopic(STEP) });
    await bus.publish([{ subject: jobTopic(STEP), payload: Buffer.from('x') }]);
  });
  const status = await cli('dispatch', 'status', '--json');
  expect(JSON.parse(status.output)).toEqual({
    bus: 'pgchannel',
    steps: [{ step: STEP, messages: 1, hasWorkers: true }],
  });
  const early = await cli('dispatch', 'drain', '--timeout', '1ms');
  expect(early).toMatchObject({ code: 1, output: expect.stringContaining('in pgchannel wait 1 of ship') });
  await consume(ref, 1);
  const drained = await cli('dispatch', 'drain');
  expect(drained).toMatchObject({ code: 0, output: expect.stringContaining('nothing waits in pgchannel') });
});
