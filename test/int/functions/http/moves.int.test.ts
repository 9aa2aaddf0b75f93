import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { canMove, hasEnded, type JobStatus, jobStatuses } from '../../../../engine/job.ts';
import { claimedJob, expectProblem, startApi } from './api.ts';

const api = startApi('polling');

const pairs = jobStatuses.flatMap((from) => jobStatuses.map((to) => [from, to] as const));

/** What is stored in one statement: an attempt that fails is never seen as `failed`. */
function isStored(from: JobStatus, to: JobStatus): boolean {
  return from === to || canMove(from, to) || (from === 'running' && canMove('failed', to));
}

async function write(id: string, status: JobStatus): Promise<void> {
  await api.database.pool().query(
    `update jobs
     set status = $2::text, lease_until = case when $2 = 'running' then now() end,
       completed_at = case when $3::boolean then now() end
     where id = $1::uuid`,
    [id, status, hasEnded(status)],
  );
}

async function jobIn(status: JobStatus): Promise<string> {
  const id = randomUUID();
  await api.database.pool().query(
    `insert into jobs (id, type, status, payload, max_retries, lease_until, completed_at)
     values ($1::uuid, 'noop', $2::text, '{}', 3, case when $2 = 'running' then now() end,
       case when $3::boolean then now() end)`,
    [id, status, hasEnded(status)],
  );
  return id;
}

describe('a move written by hand', () => {
  test.each(pairs)('%s → %s', async (from, to) => {
    const moved = write(await jobIn(from), to);
    if (isStored(from, to)) await moved;
    else {
      await expect(moved).rejects.toMatchObject({
        constraint: 'jobs_moves',
        message: expect.stringContaining(`${from} → ${to} is not allowed`),
      });
    }
  });
});

describe.each(jobStatuses.filter((status) => status !== 'failed'))(
  'over HTTP, a job that is %s',
  (status) => {
    test('can be claimed only where it is queued', async () => {
      const answer = await api.post(`/api/v1/jobs/${await jobIn(status)}/claim`, { worker_id: 'w' });
      if (status === 'queued') return expect(answer.status).toBe(200);
      expectProblem(answer, 409, 'illegal_transition');
      expect(answer.json).toMatchObject({ from: status, to: 'running' });
    });

    test('can be cancelled only before it has ended', async () => {
      const answer = await api.post(`/api/v1/jobs/${await jobIn(status)}/cancel`, {});
      if (!hasEnded(status)) return expect(answer.json['status']).toBe('cancelled');
      expectProblem(answer, 409, 'illegal_transition');
      expect(answer.json).toMatchObject({ from: status, to: 'cancelled' });
    });

    test('can be brought back only where it ended without completing', async () => {
      const answer = await api.post(`/api/v1/jobs/${await jobIn(status)}/retry`, {});
      if (status === 'dead_letter' || status === 'cancelled')
        return expect(answer.json['status']).toBe('queued');
      expectProblem(answer, 409, 'illegal_transition');
      expect(answer.json).toMatchObject({ from: status, to: 'queued' });
    });

    test.each(['complete', 'fail', 'heartbeat'])(
      'takes no %s without its token, and says how it stands',
      async (verb) => {
        const body = { complete: {}, fail: { error: 'no' }, heartbeat: {} }[verb];
        const answer = await api.post(`/api/v1/jobs/${await jobIn(status)}/${verb}`, {
          token: randomUUID(),
          ...body,
        });
        expectProblem(answer, 409, 'stale_token');
        expect(answer.json).toMatchObject({ job_status: status });
      },
    );
  },
);

test('the result of a job that was cancelled meanwhile is refused and recorded', async () => {
  const { id, token } = await claimedJob(api);
  await api.post(`/api/v1/jobs/${id}/cancel`, {});
  expectProblem(await api.post(`/api/v1/jobs/${id}/complete`, { token }), 409, 'stale_token');
  const { json } = await api.get(`/api/v1/jobs/${id}`);
  expect(json['status']).toBe('cancelled');
  expect(JSON.stringify(json['audit'])).toContain('LATE_RESULT_REFUSED');
});
