import { randomUUID } from 'node:crypto';
import { createPostgresWorkflowRecords } from '../../adapters/postgres/workflow-record-store.ts';
import type { Api } from '../int/functions/http/api.ts';

/** What has taken over pages elsewhere, each of which would set `xss` or open a dialog here. */
export const HOSTILE = [
  '<img src=x onerror="window.xss=1">',
  '<script>window.xss=1</script>',
  '"><svg onload="window.xss=1">',
  "javascript:window.xss=1//'",
  '</title></style></textarea><iframe srcdoc="<script>parent.xss=1</script>">',
  '{{constructor.constructor("window.xss=1")()}}#{window.xss=1}',
  '<a href="javascript:alert(1)">x</a>&lt;b&gt;&#x3c;',
  '\u202Egnp.exe \u0007 𝕏 ﷽',
].join(' ');

export interface Content {
  readonly deadLetter: string;
  readonly queued: string;
  readonly completed: string;
  readonly workflow: string;
  /** A paused run. */
  readonly record: string;
}

/** Jobs of every state, with hostile text wherever a caller or a worker can put any. */
export async function fill(api: Api): Promise<Content> {
  const { text } = await api.raw({
    method: 'POST',
    path: '/api/v1/jobs',
    headers: { 'content-type': 'application/json' },
    body: '{"type":"send-email","payload":{"to":"ada@example.org","big":12345678901234567890,"one":1.0}}',
  });
  const completed = String((JSON.parse(text) as { id: string }).id);
  const claimed = await claim(api, completed);
  await api.post(`/api/v1/jobs/${completed}/complete`, {
    token: claimed,
    result: { sent: true, note: HOSTILE },
  });

  const deadLetter = await job(api, {
    payload: { [HOSTILE]: HOSTILE, list: [HOSTILE] },
    max_retries: 0,
    idempotency_key: HOSTILE.slice(0, 250),
    partition_key: HOSTILE.slice(0, 250),
  });
  const token = await claim(api, deadLetter);
  await api.post(`/api/v1/jobs/${deadLetter}/fail`, { token, error: HOSTILE, retryable: false });

  const running = await job(api, { type: 'process', payload: {} });
  await claim(api, running);
  const queued = await job(api, { type: 'notify', payload: HOSTILE });
  await job(api, { payload: {}, run_at: '2999-01-01T00:00:00Z' });

  const started = await api.post('/api/v1/workflows', {
    name: HOSTILE.slice(0, 250),
    foreign_id: HOSTILE.slice(20, 270),
    steps: [
      { name: 'extract', type: 'extract', payload: { from: HOSTILE } },
      { name: HOSTILE.slice(0, 250), type: 'process' },
    ],
  });
  await api.post('/api/v1/schedules', {
    name: 'nightly',
    cron: '0 2 * * *',
    type: 'noop',
    payload: { text: HOSTILE },
  });
  const record = randomUUID();
  await createPostgresWorkflowRecords(api.database.pool()).store({
    ...{ workflowName: HOSTILE.slice(0, 200), foreignId: HOSTILE.slice(20, 220), runId: record, status: 2 },
    ...{ runState: 'paused', reason: HOSTILE, version: 0 },
    object: Buffer.from(JSON.stringify({ [HOSTILE]: HOSTILE })),
  });
  return { deadLetter, queued, completed, workflow: String(started.json['id']), record };
}

export async function job(api: Api, body: Readonly<Record<string, unknown>>): Promise<string> {
  const { status, json, text } = await api.post('/api/v1/jobs', { type: 'noop', ...body });
  if (status !== 201) throw new Error(`enqueue answered ${status}: ${text}`);
  return String(json['id']);
}

async function claim(api: Api, id: string): Promise<string> {
  const { json } = await api.post(`/api/v1/jobs/${id}/claim`, { worker_id: HOSTILE.slice(0, 250) });
  return String(json['token']);
}
