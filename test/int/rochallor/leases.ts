import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parsePage, seriesValue } from '../../helpers/prometheus.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { definition, task } from './definitions.ts';
import type { DialectStack } from './stack.ts';

/** Who may settle a job in a protocol without tokens. `settle-by-hand` has no handler, so that the test is the worker. */
export function testLeases({ mode, api, post, start, until }: DialectStack): void {
  const flow = () => definition([task('settle-by-hand', 'end', { retryCount: 0 })]);

  async function begun(): Promise<{ instance: string; job: string }> {
    const instance = (await start(flow())).id;
    const { rows } = await api.database
      .pool()
      .query<{ id: string }>('select id from jobs where instance_id = $1', [instance]);
    return { instance, job: String(rows[0]?.id) };
  }
  const jobRow = async (job: string) =>
    (
      await api.database
        .pool()
        .query('select status, attempt, attempt_base, worker_id from jobs where id = $1', [job])
    ).rows[0];
  const complete = (job: string, workerId: string, variables: object = {}) =>
    post(`jobs/${job}/complete`, { workerId, variables });
  const refusalsOf = async (job: string) => {
    const text = "select detail from audit_log where job_id = $1 and action = 'LATE_RESULT_REFUSED'";
    const { rows } = await api.database.pool().query<{ detail: object }>(text, [job]);
    return rows.map(({ detail }) => detail);
  };
  const refusedSoFar = async (status: string) =>
    seriesValue(parsePage((await api.get('/metrics')).text), 'job_results_refused_total', { status }) ?? 0;
  const unstorable = { by: 'half a pair: \ud800' };

  // What belongs to the other mode is not there, rather than skipped.
  if (mode === 'kafka_outbox') {
    describe('a job that nobody claims', () => {
      test('is claimed and completed in one, and of many at once one result counts', async () => {
        const { instance, job } = await begun();
        const names = Array.from({ length: 8 }, (_, n) => `w${n}`);
        const answers = await Promise.all(names.map((name) => complete(job, name, { by: name })));
        expect(answers.every(({ status }) => status === 204)).toBe(true);
        const done = await until(instance, 'COMPLETED');
        const { by } = done.variables as { by: string };
        expect(await jobRow(job)).toEqual({
          status: 'completed',
          attempt: 1,
          attempt_base: 0,
          worker_id: by,
        });
      });

      test('is claimed and failed in one, for good when the worker says so', async () => {
        const { instance, job } = await begun();
        const fail = () =>
          post(`jobs/${job}/fail`, { workerId: 'w', errorMessage: 'no good', retryable: false });
        expect((await fail()).status).toBe(204);
        expect((await until(instance, 'FAILED')).failureReason).toContain('no good');
        expect((await fail()).status).toBe(204);
        expect(await jobRow(job)).toMatchObject({ status: 'dead_letter', attempt: 1, worker_id: 'w' });
      });

      test('takes no result once it is dead, and the consumer need not know: it is in the records', async () => {
        const { job } = await begun();
        await post(`jobs/${job}/fail`, { workerId: 'w', errorMessage: 'no good', retryable: false });
        const before = await refusedSoFar('dead_letter');
        expect((await complete(job, 'late', { by: 'late' })).status).toBe(204);
        expect(await jobRow(job)).toMatchObject({ status: 'dead_letter', worker_id: 'w' });
        const detail = { status: 'dead_letter', worker: 'late', told: 'completed' };
        expect(await refusalsOf(job)).toEqual([detail]);
        expect(await refusedSoFar('dead_letter')).toBe(before + 1);
      });

      test('may be purged when its result comes, which is in the records too', async () => {
        const job = randomUUID();
        const before = await refusedSoFar('not_found');
        const failure = { workerId: 'late', errorMessage: 'no good', retryable: true };
        expect((await post(`jobs/${job}/fail`, failure)).status).toBe(204);
        expect(await refusalsOf(job)).toEqual([{ status: 'not_found', worker: 'late', told: 'failed' }]);
        expect(await refusedSoFar('not_found')).toBe(before + 1);
      });

      test('is left to a worker that has claimed it', async () => {
        const { instance, job } = await begun();
        const { json } = await api.post(`/api/v1/jobs/${job}/claim`, { worker_id: 'claims' });
        expect((await complete(job, 'w', { by: 'w' })).status).toBe(204);
        expect(await refusalsOf(job)).toMatchObject([{ status: 'running', worker: 'w' }]);
        const result = { token: json['token'], result: { by: 'claims' } };
        expect((await api.post(`/api/v1/jobs/${job}/complete`, result)).status).toBe(200);
        expect((await until(instance, 'COMPLETED')).variables).toEqual({ by: 'claims' });
      });

      test.each([
        ['cannot be stored', unstorable],
        ['is too large', { by: 'x'.repeat(300_000) }],
      ])(
        'fails for good with a result that %s: the consumer would come with the same again',
        async (_, variables) => {
          const { instance, job } = await begun();
          expect((await complete(job, 'w', variables)).status).toBe(204);
          expect((await until(instance, 'FAILED')).failureReason).toContain('The result was refused');
          expect(await jobRow(job)).toMatchObject({ status: 'dead_letter' });
        },
      );

      test('keeps its failure when the message is too long for any result', async () => {
        const { instance, job } = await begun();
        const failure = { workerId: 'w', errorMessage: 'e'.repeat(300_000), retryable: false };
        expect((await post(`jobs/${job}/fail`, failure)).status).toBe(204);
        expect((await until(instance, 'FAILED')).failureReason).toContain('eeee');
      });

      test('has no lease, and so no heartbeat', async () => {
        const { job } = await begun();
        expect((await post(`jobs/${job}/heartbeat`, { workerId: 'w' })).status).toBe(409);
      });

      test('cannot be polled', async () => {
        const answer = await post('jobs/poll', { workerId: 'w', jobTypes: ['settle-by-hand'] });
        expect(answer.status).toBe(410);
        expect(answer.json).toEqual({
          error: 'poll path disabled',
          dispatch_mode: 'kafka_outbox',
          hint: 'consume directly from Kafka topic workflow.jobs.<jobType>',
        });
      });
    });
  }

  if (mode === 'polling') {
    describe('a job that a worker polled', () => {
      const heartbeat = (job: string, body: object) => post(`jobs/${job}/heartbeat`, body);
      /** By the database's clock. */
      const leaseSeconds = async (job: string) => {
        const text =
          'select extract(epoch from lease_until - clock_timestamp())::float8 as left from jobs where id = $1';
        const { rows } = await api.database.pool().query<{ left: number }>(text, [job]);
        return rows[0]?.left;
      };
      const poll = async (workerId: string) => {
        const { json } = await post('jobs/poll', { workerId, jobTypes: ['settle-by-hand'], maxJobs: 1 });
        return json['jobs'];
      };

      test('has what the SDKs read of it, and is given to one worker only', async () => {
        const { instance, job } = await begun();
        expect(await poll('a')).toEqual([
          {
            id: job,
            instanceId: instance,
            stepExecutionId: `${instance}.0`,
            jobType: 'settle-by-hand',
            status: 'LOCKED',
            workerId: 'a',
            lockedAt: expect.any(String),
            lockExpiresAt: expect.any(String),
            retriesRemaining: 0,
            createdAt: expect.any(String),
            variables: {},
          },
        ]);
        expect(await poll('b')).toBe(null);
        const before = await refusedSoFar('running');
        expect((await complete(job, 'b')).status).toBe(409);
        expect(await refusedSoFar('running')).toBe(before + 1);
        expect(await refusalsOf(job)).toEqual([{ status: 'running', worker: 'b', told: 'completed' }]);
        expect((await complete(job, 'a', { by: 'a' })).status).toBe(204);
        expect((await complete(job, 'a', { by: 'again' })).status).toBe(204);
        expect((await until(instance, 'COMPLETED')).variables).toEqual({ by: 'a' });
      });

      test('is had for as long as its worker says, and longer when it asks in time', async () => {
        const { instance, job } = await begun();
        const asked = { workerId: 'a', jobTypes: ['settle-by-hand'], maxJobs: 1, leaseSeconds: 600 };
        const { json } = await post('jobs/poll', asked);
        const [{ lockExpiresAt: first }] = json['jobs'] as [{ lockExpiresAt: string }];
        expect(await leaseSeconds(job)).toBeGreaterThan(500);
        const extended = await heartbeat(job, { workerId: 'a', leaseSeconds: 1200 });
        expect(extended).toMatchObject({ status: 200, json: { accepted: true } });
        expect(Date.parse(String(extended.json['lockExpiresAt']))).toBeGreaterThan(Date.parse(first));
        expect(await leaseSeconds(job)).toBeGreaterThan(1100);
        await heartbeat(job, { workerId: 'a' });
        expect(await leaseSeconds(job)).toBeLessThanOrEqual(30);
        expect((await complete(job, 'a')).status).toBe(204);
        await until(instance, 'COMPLETED');
      });

      test('has no heartbeat for others, nor once it has ended: that is no unknown call, but a lost lease', async () => {
        const { instance, job } = await begun();
        const statusFor = async (id: string, workerId: string) =>
          (await heartbeat(id, { workerId, leaseSeconds: 0 })).status;
        expect(await statusFor(job, 'a')).toBe(409);
        await poll('a');
        expect(await statusFor(job, 'b')).toBe(409);
        await complete(job, 'a');
        await until(instance, 'COMPLETED');
        expect(await statusFor(job, 'a')).toBe(409);
        expect(await statusFor(randomUUID(), 'a')).toBe(409);
        expect(await statusFor('nope', 'a')).toBe(409);
      });

      test('is not settled by anybody before it is polled', async () => {
        const { instance, job } = await begun();
        expect((await complete(job, 'a')).status).toBe(409);
        expect(await poll('a')).toHaveLength(1);
        await complete(job, 'a');
        await until(instance, 'COMPLETED');
      });

      test('that is not there takes no result, and neither does one with a result that cannot be stored', async () => {
        const { instance, job } = await begun();
        await poll('a');
        expect((await complete(randomUUID(), 'a')).status).toBe(404);
        expect((await complete(job, 'a', unstorable)).status).toBe(400);
        expect(await jobRow(job)).toMatchObject({ status: 'running' });
        await complete(job, 'a');
        await until(instance, 'COMPLETED');
      });

      test('goes to another worker when the first is gone, costs no retry, and the late result is refused', async () => {
        const { instance, job } = await begun();
        expect(await poll('gone')).toHaveLength(1);
        await api.database
          .pool()
          .query("update jobs set lease_until = clock_timestamp() - interval '1 second' where id = $1", [
            job,
          ]);
        await waitFor(async () => (await jobRow(job))?.status === 'queued', {
          within: 30_000,
          what: 'the reclaim',
        });
        expect(await jobRow(job)).toMatchObject({ attempt: 1, attempt_base: 1 });
        expect(await poll('second')).toMatchObject([{ id: job, retriesRemaining: 0 }]);
        expect((await complete(job, 'gone', { by: 'gone' })).status).toBe(409);
        expect((await complete(job, 'second', { by: 'second' })).status).toBe(204);
        expect((await until(instance, 'COMPLETED')).variables).toEqual({ by: 'second' });
      });
    });
  }
}
