import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { closeApp, endWaits } from '../../../../functions/compose.ts';
import * as replies from '../../../../functions/http/replies.ts';
import { waitFor } from '../../../helpers/wait-for.ts';
import { type Answer, expectProblem, startApi } from './api.ts';

const api = startApi('polling');

function poll(body: Readonly<Record<string, unknown>>): Promise<Answer> {
  return api.post('/api/v1/jobs/poll', { types: ['noop'], worker_id: 'w', limit: 10, ...body });
}

function jobsOf(answer: Answer) {
  expect(answer.status).toBe(200);
  return replies.polled.parse(answer.json).jobs;
}

async function enqueue(body: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const answer = await api.post('/api/v1/jobs', { type: 'noop', payload: {}, ...body });
  expect(answer.status).toBe(201);
  return String(answer.json['id']);
}

describe('POST /api/v1/jobs/poll', () => {
  test('takes jobs with their leases, which complete them; an empty queue is an empty list', async () => {
    const id = await enqueue({ payload: { to: 'ada' } });
    const [taken, ...more] = jobsOf(await poll({ lease_seconds: 30 }));
    expect(more).toEqual([]);
    expect(taken?.job).toMatchObject({ id, status: 'running', payload: { to: 'ada' } });
    expect(taken?.attempt).toBe(1);
    const done = await api.post(`/api/v1/jobs/${id}/complete`, { token: taken?.token });
    expect(done.status).toBe(200);
    expect(jobsOf(await poll({}))).toEqual([]);
  });

  test('gives the payload as text, byte for byte', async () => {
    const payload = '{ "b":12345678901234567890, "a":"\\u00e9" }';
    await api.post('/api/v1/jobs', `{"type":"noop","payload":${payload}}`);
    const [taken] = jobsOf(await poll({ payload_as: 'text' }));
    expect(taken?.job.payload_text).toBe(payload);
    expect(taken?.job).not.toHaveProperty('payload');
  });

  test('gives the same leases to a poll that is asked again', async () => {
    await enqueue();
    const claim = { claim_id: randomUUID() };
    const first = jobsOf(await poll(claim));
    await enqueue();
    const again = jobsOf(await poll({ ...claim, again: true }));
    const leases = (jobs: typeof first) =>
      jobs.map(({ job: { id }, token, attempt }) => ({ id, token, attempt }));
    expect(leases(again)).toEqual(leases(first));
    expect(jobsOf(await poll({}))).toHaveLength(1);
  });

  test('writes no outbox row', async () => {
    const { rows } = await api.database.pool().query('select count(*)::integer as rows from dispatch_outbox');
    expect(rows).toEqual([{ rows: 0 }]);
  });

  test.each([
    [{ types: [] }, 'types'],
    [{ limit: 1001 }, 'limit'],
    [{ limit: 0 }, 'limit'],
    [{ wait_ms: 20_001 }, 'wait_ms'],
    [{ worker_id: '' }, 'worker_id'],
  ])('refuses %j', async (body, field) => {
    expectProblem(await poll(body), 400, 'invalid_request', [field]);
  });
});

describe('a poll that waits', () => {
  test('is answered as soon as a job is queued, long before it would look by itself', async () => {
    const waits: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const waiting = poll({ wait_ms: 20_000 });
      await listening();
      const queuedAt = performance.now();
      await enqueue();
      expect(jobsOf(await waiting)).toHaveLength(1);
      waits.push(performance.now() - queuedAt);
    }
    // Without the news, each would have waited for most of the second after which it looks by itself.
    expect(Math.min(...waits)).toBeLessThan(500);
  });

  test('is not woken by jobs of other types, and ends empty when its time is up', async () => {
    const waiting = poll({ types: ['extract'], wait_ms: 300 });
    await enqueue();
    expect(jobsOf(await waiting)).toEqual([]);
    expect(jobsOf(await poll({}))).toHaveLength(1);
  });

  test('takes nothing for a caller that has gone', async () => {
    const caller = pollThatIsGivenUp('notify');
    await listening();
    await caller.goes();
    const id = await enqueue({ type: 'notify' });
    await expectLeftForAnother(id, 'notify');
  });

  test('gives back at once what it was taking when its caller went, with the attempt unspent', async () => {
    const id = await enqueue({ type: 'notify' });
    await using lock = await lockJobs();
    const caller = pollThatIsGivenUp('notify');
    await lock.waitedFor();
    await caller.goes();
    await lock.release();
    await expectLeftForAnother(id, 'notify');
  });

  test('goes on over the loss of the connection that hears of jobs', async () => {
    const waiting = poll({ types: ['process'], wait_ms: 20_000 });
    await listening();
    const client = new pg.Client({ connectionString: api.database.adminDsn });
    await client.connect();
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'millrace arrivals' and datname = current_database()`,
    );
    await client.end();
    await enqueue({ type: 'process' });
    expect(jobsOf(await waiting)).toHaveLength(1);
  });

  test('is let go when the process is to stop', async () => {
    const waiting = poll({ types: ['process'], wait_ms: 20_000 });
    await listening();
    await endWaits();
    expect(jobsOf(await waiting)).toEqual([]);
    await closeApp();
  });

  function pollThatIsGivenUp(type: string) {
    const caller = new AbortController();
    const body = JSON.stringify({ types: [type], worker_id: 'gone', wait_ms: 20_000 });
    const given = fetch(`${api.url}/api/v1/jobs/poll`, { method: 'POST', body, signal: caller.signal });
    given.catch(() => undefined);
    return {
      async goes(): Promise<void> {
        caller.abort();
        await expect(given).rejects.toThrow();
        // Answered after the end of the other connection was there to be read.
        await api.get('/health');
      },
    };
  }

  async function expectLeftForAnother(id: string, type: string): Promise<void> {
    const [taken] = await waitFor(
      async () => {
        const jobs = jobsOf(await poll({ types: [type] }));
        return jobs.length > 0 && jobs;
      },
      { within: 30_000, what: 'the job to be left for another' },
    );
    expect(taken?.job.id).toBe(id);
    expect(taken?.attempt).toBe(1);
  }

  /** Keeps every claim waiting. */
  async function lockJobs() {
    const client = await api.database.pool().connect();
    let held = true;
    const release = async () => {
      if (!held) return;
      held = false;
      await client.query('rollback');
      client.release();
    };
    await client.query('begin');
    await client.query('lock table jobs in exclusive mode');
    const waitedFor = () =>
      waitFor(
        async () => {
          const { rowCount } = await client.query(
            `select from pg_locks where relation = 'jobs'::regclass and not granted`,
          );
          return rowCount === 1;
        },
        { within: 30_000, what: 'the claim to be on its way' },
      );
    return { release, waitedFor, [Symbol.asyncDispose]: release };
  }

  /** The connection that hears of jobs is there, and idle in its LISTEN. */
  function listening(): Promise<unknown> {
    return waitFor(
      async () => {
        const { rowCount } = await api.database.pool().query(
          `select from pg_stat_activity where application_name = 'millrace arrivals'
           and datname = current_database() and state = 'idle' and query = 'listen millrace_jobs'`,
        );
        return rowCount === 1;
      },
      { within: 30_000, what: 'the API to listen' },
    );
  }
});

describe('when jobs go through Kafka', () => {
  test('a poll is refused, and the topics to consume are named', async () => {
    vi.stubEnv('WE_DISPATCH_MODE', 'kafka_outbox');
    await closeApp();
    const refused = await poll({ types: ['noop', 'extract'] });
    vi.stubEnv('WE_DISPATCH_MODE', 'polling');
    await closeApp();
    expectProblem(refused, 409, 'poll_disabled');
    expect(refused.json['topics']).toEqual(['workflow.jobs.noop', 'workflow.jobs.extract']);
    expect(refused.json['detail']).toContain('workflow.jobs.noop');
  });
});
