import { describe, expect, test } from 'vitest';
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
        expect((await complete(job, 'w')).status).toBe(409);
        expect(await jobRow(job)).toMatchObject({ status: 'dead_letter', attempt: 1, worker_id: 'w' });
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
        expect((await complete(job, 'b')).status).toBe(409);
        expect((await complete(job, 'a', { by: 'a' })).status).toBe(204);
        expect((await complete(job, 'a', { by: 'again' })).status).toBe(204);
        expect((await until(instance, 'COMPLETED')).variables).toEqual({ by: 'a' });
      });

      test('is not settled by anybody before it is polled', async () => {
        const { instance, job } = await begun();
        expect((await complete(job, 'a')).status).toBe(409);
        expect(await poll('a')).toHaveLength(1);
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
