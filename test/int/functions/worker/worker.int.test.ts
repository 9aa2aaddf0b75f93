import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPool } from '../../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../../adapters/postgres/record-store.ts';
import { startGateway } from '../../../../cli/dev/gateway.ts';
import { toMskEvent } from '../../../../cli/dev/msk-event.ts';
import type { IncomingRecord } from '../../../../engine/ports/event-streamer.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import type { StepId, Topic } from '../../../../events/ids.ts';
import { decodePack } from '../../../../events/pack.ts';
import config from '../../../../millrace.config.ts';
import { createMskHandler } from '../../../../sdk/index.ts';
import { createDatabase, type TestDatabase } from '../../../helpers/database.ts';

interface JobView {
  readonly id: string;
  readonly status: string;
  readonly attempt: number;
  readonly result: unknown;
}

let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
let gateway: Awaited<ReturnType<typeof startGateway>>;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ dsn: database.dsn, poolSize: 2 }, silentLogger);
  await createPostgresRecordStore(pool).registerTypes(Object.keys(config.jobs) as StepId[]);
  process.env['WE_POSTGRES_DSN'] = database.dsn;
  process.env['WE_DISPATCH_MODE'] = 'kafka_outbox';
  gateway = await startGateway({ port: 0, host: '127.0.0.1', logger: silentLogger });
});

afterAll(async () => {
  await gateway?.stop();
  const { closeApp } = await import('../../../../functions/compose.ts');
  await closeApp();
  await pool.end();
  await database.drop();
});

let offset = 0n;

/** What the relay would publish: takes the outbox's rows away, as records of one partition a topic. */
async function takeOutbox(): Promise<IncomingRecord[]> {
  const { rows } = await pool.query<{ topic: string; message_count: number; messages: Buffer }>(
    'with taken as (delete from dispatch_outbox returning *) select * from taken order by id',
  );
  return rows.flatMap(({ topic, message_count, messages }) =>
    decodePack(messages, message_count).map(({ key, value, headers }) => {
      offset += 1n;
      return { topic: topic as Topic, partition: 0, offset, timestamp: Date.now(), key, value, headers };
    }),
  );
}

async function invoke(records: readonly IncomingRecord[]) {
  const handler = createMskHandler({
    handlers: config.jobs,
    apiUrl: gateway.url,
    workerId: 'int',
    concurrency: 4,
  });
  const end = Date.now() + 30_000;
  const event: unknown = JSON.parse(JSON.stringify(toMskEvent(records, 'b-1:9098')));
  return handler(event, { getRemainingTimeInMillis: () => end - Date.now() });
}

async function request<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${gateway.url}/api/v1${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

const ok = { batchItemFailures: [] };

describe('the worker Lambda against the real API and PostgreSQL', () => {
  it('completes a job from its record, with its result and one attempt', async () => {
    const { id } = await request<JobView>('POST', '/jobs', {
      type: 'send-email',
      payload: { to: 'a@example.com' },
    });
    expect(await invoke(await takeOutbox())).toEqual(ok);
    expect(await request<JobView>('GET', `/jobs/${id}`)).toMatchObject({
      status: 'completed',
      attempt: 1,
      result: { message_id: `<${id}@millrace.local>`, to: 'a@example.com' },
    });
  });

  it('completes a batch of a thousand', async () => {
    const jobs = Array.from({ length: 1000 }, (_, n) => ({ type: 'noop', payload: { n } }));
    await request('POST', '/jobs/batch', { jobs });
    const records = await takeOutbox();
    expect(records).toHaveLength(1000);
    expect(await invoke(records)).toEqual(ok);
    const { rows } = await pool.query(
      "select status, count(*)::int from jobs where type = 'noop' group by status",
    );
    expect(rows).toEqual([{ status: 'completed', count: 1000 }]);
  });

  it('takes a record that comes again for handled', async () => {
    const { id } = await request<JobView>('POST', '/jobs', { type: 'compute', payload: { iterations: 1 } });
    const records = await takeOutbox();
    expect(await invoke(records)).toEqual(ok);
    expect(await invoke(records)).toEqual(ok);
    expect(await request<JobView>('GET', `/jobs/${id}`)).toMatchObject({ status: 'completed', attempt: 1 });
  });

  it('leads a workflow through its steps', async () => {
    const steps = ['extract', 'process', 'notify'].map((name) => ({ name, type: name, payload: {} }));
    const { id } = await request<{ id: string }>('POST', '/workflows', { name: 'etl', steps });
    for (let step = 0; step < steps.length; step += 1) expect(await invoke(await takeOutbox())).toEqual(ok);
    expect(await takeOutbox()).toEqual([]);
    expect(await request('GET', `/workflows/${id}`)).toMatchObject({ status: 'completed' });
  });

  it('fails an attempt without failing the batch', async () => {
    const { id } = await request<JobView>('POST', '/jobs', {
      type: 'flaky',
      payload: { failure_rate: 1 },
      max_retries: 0,
    });
    expect(await invoke(await takeOutbox())).toEqual(ok);
    expect(await request<JobView>('GET', `/jobs/${id}`)).toMatchObject({ status: 'dead_letter' });
  });

  it('records what is not a dispatch and goes on', async () => {
    const { id } = await request<JobView>('POST', '/jobs', { type: 'transform', payload: { a: 'b' } });
    const [good] = await takeOutbox();
    if (!good) throw new Error('there is no outbox row');
    const garbage = { ...good, offset: good.offset - 1n, value: Buffer.from('garbage') };
    expect(await invoke([garbage, good])).toEqual(ok);
    const { rows } = await pool.query('select topic, value, reason from undecodable_records');
    expect(rows).toEqual([
      {
        topic: 'workflow.jobs.transform',
        value: garbage.value,
        reason: 'the value is not a JobDispatchEvent',
      },
    ]);
    expect(await request<JobView>('GET', `/jobs/${id}`)).toMatchObject({ status: 'completed' });
  });

  it('waits for a job whose commit is not visible yet', async () => {
    const { id } = await request<JobView>('POST', '/jobs', { type: 'extract', payload: {} });
    const records = await takeOutbox();
    // Takes the row away and puts it back: to the worker, a commit that becomes visible while it looks.
    const { rows } = await pool.query<{ job: string }>(
      'delete from jobs where id = $1 returning to_jsonb(jobs)::text as job',
      [id],
    );
    const outcome = invoke(records);
    await pool.query('insert into jobs select * from jsonb_populate_record(null::jobs, $1::jsonb)', [
      rows[0]?.job,
    ]);
    expect(await outcome).toEqual(ok);
    expect(await request<JobView>('GET', `/jobs/${id}`)).toMatchObject({ status: 'completed' });
  });

  it('lets records come again when the API is away', async () => {
    await request<JobView>('POST', '/jobs', { type: 'notify', payload: {} });
    const records = await takeOutbox();
    const handler = createMskHandler({ handlers: config.jobs, apiUrl: 'http://127.0.0.1:1' });
    const end = Date.now() + 1_500;
    const answer = await handler(toMskEvent(records, 'b'), {
      getRemainingTimeInMillis: () => end - Date.now(),
    });
    expect(answer).toEqual({
      batchItemFailures: [
        { itemIdentifier: { partition: 'workflow.jobs.notify-0', offset: Number(records[0]?.offset) } },
      ],
    });
  });
});
