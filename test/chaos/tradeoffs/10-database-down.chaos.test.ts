import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { closeApp } from '../../../functions/compose.ts';
import { startTcpProxy, type TcpProxy } from '../../helpers/tcp-proxy.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { Rig } from './rig.ts';

const rig = new Rig('polling');
let proxy: TcpProxy | undefined;

// The cluster is shared with other tests: it goes down for this API alone, in the middle of its answers.
beforeAll(async () => {
  const dsn = new URL(rig.api.database.dsn);
  const port = Number(dsn.port);
  proxy = await startTcpProxy(0, () => port);
  dsn.host = `127.0.0.1:${proxy.port}`;
  vi.stubEnv('WE_POSTGRES_DSN', dsn.href);
  await closeApp();
});

afterAll(() => proxy?.[Symbol.asyncDispose]());

// "Polling mode has one failure class (the DB is down)."
test('polling: while the database is down requests are asked to come again; then every accepted job completes', {
  timeout: 120_000,
}, async () => {
  rig.duties();
  await rig.pollingWorker();
  const load = rig.load();
  await waitFor(async () => (await rig.completed()) > 50, { within: 30_000, what: 'progress' });
  proxy?.onAnswer(() => 'lose');
  const refused = await waitFor(
    async () => {
      const answer = await rig.api.post('/api/v1/jobs', { type: rig.type, payload: {} });
      return answer.status === 503 && answer;
    },
    { within: 20_000, what: 'a refusal' },
  );
  expect(refused.json['code']).toBe('unavailable');
  expect(refused.headers.get('retry-after')).toBe('1');
  expect((await rig.api.get('/health')).status).toBe(200);

  proxy?.onAnswer(() => 'pass');
  const before = await rig.completed();
  await waitFor(async () => (await rig.completed()) > before + 50, {
    within: 40_000,
    what: 'progress again',
  });
  await load.stop();
  await rig.drained(60_000);
});
