import { expect, expectTypeOf, test } from 'vitest';
import type * as z from 'zod';
import type * as replies from '../../../functions/http/replies.ts';
import type * as workflowReplies from '../../../functions/http/workflow-replies.ts';
import type { JobAnswer, JobPage, Redriven, StartedWorkflow } from '../../../sdk/client.ts';
import { createClient, defineConfig, defineJob } from '../../../sdk/index.ts';
import { claimedJob, startApi } from '../functions/http/api.ts';

const api = startApi('kafka_outbox');

const config = defineConfig({
  jobs: {
    'send-email': defineJob(async ({ job }: { job: { payload: { to: string } } }) => ({
      id: job.payload.to,
    })),
    noop: defineJob(async () => null),
  },
});

const client = () => createClient<typeof config>({ url: api.url });

test('the types of the client are those of the schemas that the OpenAPI document is made from', () => {
  expectTypeOf<z.infer<typeof replies.job>>().toExtend<JobAnswer>();
  expectTypeOf<z.infer<typeof replies.jobPage>>().toExtend<JobPage>();
  expectTypeOf<z.infer<typeof replies.redriven>>().toExtend<Redriven>();
  expectTypeOf<z.infer<typeof workflowReplies.startedWorkflow>>().toExtend<StartedWorkflow>();
});

test('the types of a service flow to its client', () => {
  const send = (to: string) => client().enqueue('send-email', { to });
  expectTypeOf(send).returns.resolves.toExtend<JobAnswer<{ to: string }, { id: string }>>();
  // @ts-expect-error a payload that the handler does not take
  const wrong = () => client().enqueue('send-email', { too: 'ada' });
  // @ts-expect-error a type that the service does not have
  const unknown = () => client().enqueue('nope', {});
  expect([wrong, unknown]).toHaveLength(2);
});

test('a request that is tried again is one job', async () => {
  const tries: string[] = [];
  const flaky: typeof fetch = async (url, init) => {
    tries.push(String(init?.body));
    const answer = await fetch(url, init);
    return tries.length === 1 ? new Response('lost on the way', { status: 503 }) : answer;
  };
  const job = await createClient<typeof config>({ url: api.url, fetch: flaky }).enqueue('send-email', {
    to: 'ada',
  });
  expect(tries).toHaveLength(2);
  expect(tries[0]).toBe(tries[1]);
  const page = await client().listJobs({ type: 'send-email' });
  expect(page.jobs.map(({ id }) => id)).toEqual([job.id]);
});

test('jobs are listed page by page, cancelled, retried, waited for and redriven', async () => {
  const { id } = await client().enqueue('noop', null);
  await client().enqueue('noop', null);
  const seen: string[] = [];
  for await (const job of client().jobs({ type: 'noop', limit: 1 })) seen.push(job.id);
  expect(seen).toHaveLength(2);
  expect((await client().cancelJob(id, { actor: 'ada' })).status).toBe('cancelled');
  expect((await client().jobEnd(id)).status).toBe('cancelled');
  expect((await client().retryJob(id)).status).toBe('queued');

  const dead = await claimedJob(api, { max_retries: 0 });
  await api.post(`/api/v1/jobs/${dead.id}/fail`, { token: dead.token, error: 'x' });
  expect(await client().redrive({ all: true }, { dry_run: true })).toEqual({
    matched: 1,
    redriven: 0,
    dry_run: true,
  });
});

test('what the API refuses comes with its code, and is not tried again', async () => {
  const none = client().getJob('00000000-0000-7000-8000-000000000000');
  await expect(none).rejects.toMatchObject({ name: 'ClientError', status: 404, code: 'not_found' });
  const away = createClient({ url: 'http://127.0.0.1:1', retryForMs: 0 }).listJobs();
  await expect(away).rejects.toMatchObject({ status: 0, code: 'unavailable' });
});
