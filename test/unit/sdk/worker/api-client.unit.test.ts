import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { ClaimToken, JobId } from '../../../../events/ids.ts';
import { createApiClient } from '../../../../sdk/worker/api-client.ts';

const id = '019a0000-0000-7000-8000-000000000001' as JobId;
const token = '019a0000-0000-4000-8000-000000000002' as ClaimToken;
const job = { type: 'noop', max_retries: 3, created_at: '2026-01-02T03:04:05.678Z' };

interface Call {
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly headers: IncomingMessage['headers'];
}

type Reply = { readonly status?: number; readonly body?: unknown; readonly cut?: true };

let server: Server | undefined;
afterEach(() => new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined))));

/** A real HTTP server that answers each request with what `reply` says, and notes them. */
async function serve(reply: (call: Call, count: number) => Reply) {
  const calls: Call[] = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
      const call = { path: request.url ?? '', body, headers: request.headers };
      calls.push(call);
      const { status = 200, body: answer = {}, cut } = reply(call, calls.length);
      if (cut) response.destroy();
      else response.writeHead(status, { connection: 'close' }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { calls, apiUrl: `http://127.0.0.1:${port}/` };
}

function client(apiUrl: string, options: { retryForMs?: number; requestTimeoutMs?: number } = {}) {
  return createApiClient({
    apiUrl,
    workerId: 'w',
    leaseSeconds: 30,
    random: () => 0,
    headers: { 'x-key': 's' },
    ...options,
  });
}

/** The ids of a request, whatever it is. */
function idsOf({ body }: Call): string[] {
  const { ids, jobs } = body as { ids?: string[]; jobs?: { id: string }[] };
  return ids ?? jobs?.map((entry) => entry.id) ?? [];
}

const uuid = (n: number) => `019a0000-0000-7000-8000-${String(n).padStart(12, '0')}` as JobId;

describe("the worker's client", () => {
  it('claims with its name and lease, and reads the answer in the order of the ids', async () => {
    const { apiUrl, calls } = await serve(() => ({
      body: {
        results: [
          { id: uuid(2), outcome: 'not_claimable', status: 'running', attempt: 1 },
          { id: uuid(3), outcome: 'not_found' },
          { id, outcome: 'claimed', token, attempt: 2, lease_until: '2026-01-02T03:04:35.678Z', job },
        ],
      },
    }));
    const answers = await client(apiUrl).claim([id, uuid(2), uuid(3)]);
    expect(answers).toMatchObject([
      {
        outcome: 'claimed',
        token,
        attempt: 2,
        job: { type: 'noop', maxRetries: 3, instanceId: null, priority: 0 },
      },
      { outcome: 'not_claimable', status: 'running', attempt: 1 },
      { outcome: 'not_found' },
    ]);
    expect(calls).toMatchObject([
      {
        path: '/api/v1/jobs/claim',
        body: { ids: [id, uuid(2), uuid(3)], worker_id: 'w', lease_seconds: 30 },
        headers: { 'x-key': 's' },
      },
    ]);
  });

  it('sends results as the JSON they are', async () => {
    const { apiUrl, calls } = await serve(() => ({
      body: { results: [{ id, outcome: 'settled', status: 'completed' }] },
    }));
    await client(apiUrl).complete([{ id, token, result: '{"a":[1,null]}' }]);
    expect(calls[0]).toMatchObject({
      path: '/api/v1/jobs/complete',
      body: { jobs: [{ id, token, result: { a: [1, null] } }] },
    });
  });

  it('reads what a heartbeat and a failure come to', async () => {
    const { apiUrl } = await serve(({ path }) => ({
      body: {
        results: [
          path.endsWith('fail')
            ? { id, outcome: 'refused', status: 'queued' }
            : { id, outcome: 'lost', status: 'cancelled' },
        ],
      },
    }));
    expect(await client(apiUrl).heartbeat([{ id, token }])).toEqual([
      { outcome: 'lost', status: 'cancelled' },
    ]);
    expect(await client(apiUrl).fail([{ id, token, error: 'x', retryable: true }])).toEqual([
      { outcome: 'refused', status: 'queued' },
    ]);
  });

  it('splits what is too many for one request', async () => {
    const { apiUrl, calls } = await serve((call) => ({
      body: { results: idsOf(call).map((each) => ({ id: each, outcome: 'not_found' })) },
    }));
    const answers = await client(apiUrl).claim(Array.from({ length: 2500 }, (_, n) => uuid(n)));
    expect(answers).toHaveLength(2500);
    expect(calls.map((call) => idsOf(call).length)).toEqual([1000, 1000, 500]);
  });

  it('splits what is too large for one request', async () => {
    const { apiUrl, calls } = await serve((call) => ({
      body: { results: idsOf(call).map((each) => ({ id: each, outcome: 'settled', status: 'completed' })) },
    }));
    const result = JSON.stringify('x'.repeat(250_000));
    await client(apiUrl).complete(Array.from({ length: 30 }, (_, n) => ({ id: uuid(n), token, result })));
    expect(calls.length).toBeGreaterThanOrEqual(3);
    for (const { headers } of calls) expect(Number(headers['content-length'])).toBeLessThan(6_000_000);
  });

  it('sends undecodable records in base64, cut to what a request can hold', async () => {
    const { apiUrl, calls } = await serve(() => ({ status: 201 }));
    const base = { topic: 't', partition: 1, offset: 5n, key: null, reason: 'why' };
    await client(apiUrl).recordUndecodable([
      { ...base, value: Buffer.from([0, 255]) },
      { ...base, value: Buffer.alloc(9_000_000) },
    ]);
    const records = calls.flatMap(({ body }) => body['records'] as { value: string }[]);
    expect(records[0]).toEqual({ ...base, offset: 5, value: 'AP8=' });
    expect(Buffer.from(records[1]?.value ?? '', 'base64')).toHaveLength(1_000_000);
  });
});

describe('a request that fails', () => {
  const found = { body: { results: [{ id, outcome: 'not_found' }] } };

  it.each([
    ['the connection is cut', { cut: true }],
    ['the API answers 503', { status: 503 }],
    ['the API answers 429', { status: 429 }],
  ] as const)('is repeated when %s', async (_, failure) => {
    const { apiUrl, calls } = await serve((_call, count) => (count < 3 ? failure : found));
    expect(await client(apiUrl).claim([id])).toEqual([{ outcome: 'not_found' }]);
    expect(calls).toHaveLength(3);
  });

  it('is given up after its time, by name and with the last reason', async () => {
    const { apiUrl } = await serve(() => ({ status: 500, body: { code: 'internal' } }));
    await expect(client(apiUrl, { retryForMs: 100 }).claim([id])).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
      message: expect.stringContaining('it answered 500'),
    });
  });

  it('is not repeated when the API refuses it, and keeps the code', async () => {
    const { apiUrl, calls } = await serve(() => ({
      status: 400,
      body: { code: 'invalid_request', detail: 'no' },
    }));
    await expect(client(apiUrl).claim([id])).rejects.toMatchObject({
      code: 'invalid_request',
      retryable: false,
    });
    expect(calls).toHaveLength(1);
  });

  it('names the address and WE_API_URL when nobody is there', async () => {
    const nobody = client('http://127.0.0.1:1', { retryForMs: 0 });
    await expect(nobody.claim([id])).rejects.toThrow(/http:\/\/127\.0\.0\.1:1.*WE_API_URL/);
  });

  it('is given up at once when the signal aborts', async () => {
    const stop = new AbortController();
    const { apiUrl } = await serve(() => {
      stop.abort();
      return { status: 503 };
    });
    await expect(client(apiUrl).claim([id], stop.signal)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('is an error when the API leaves a job out of its answer', async () => {
    const { apiUrl } = await serve(() => ({ body: { results: [] } }));
    await expect(client(apiUrl).claim([id])).rejects.toThrow(`no result for job ${id}`);
  });

  it('cannot even begin with an address that is none', () => {
    expect(() => client('localhost:8080')).toThrow('WE_API_URL');
  });
});
