import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apiRoutes } from '../../../../functions/http/api-routes.ts';
import { claimedJob, startApi } from './api.ts';

const api = startApi('kafka_outbox');

const ID = '01a1fd51-a8f9-74ad-a06f-3986a43e21b1';
const writing = apiRoutes
  .filter(({ method }) => method === 'POST')
  .map(({ path }) => path.replace('{id}', ID));

const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const bodies: readonly [name: string, body: string | Buffer][] = [
  ['nothing', ''],
  ['blanks', '  \n'],
  ['half of a document', '{"type":'],
  ['a list', '[]'],
  ['null', 'null'],
  ['a number', '1e400'],
  ['text after the document', '{} {}'],
  ['a byte order mark', '\uFEFF{}'],
  ['bytes that are not UTF-8', Buffer.from('{"type":"noop","payload":"\xff"}', 'latin1')],
  ['NUL bytes', Buffer.alloc(100)],
  ['very deep lists', deep(100_000)],
  ['a deep payload', `{"type":"noop","payload":${deep(101)}}`],
  ['__proto__', '{"__proto__":{"type":"noop"},"constructor":{"prototype":{"x":1}},"payload":1}'],
  ['unknown fields', '{"type":"noop","payload":1,"tyqe":"noop"}'],
  ['wrong types', '{"type":{},"payload":1,"max_retries":"3","priority":1.5,"run_at":5,"idempotency_key":[]}'],
  ['numbers out of range', '{"type":"noop","payload":1,"max_retries":1e300,"priority":-32769}'],
  ['a NUL in a key', '{"type":"noop","payload":1,"idempotency_key":"a\\u0000"}'],
  ['half a surrogate pair in a key', '{"type":"noop","payload":1,"partition_key":"\\ud800"}'],
  ['a day that is none', '{"type":"noop","payload":1,"run_at":"2026-02-30T00:00:00Z"}'],
  ['a time without its offset', '{"type":"noop","payload":1,"run_at":"2026-02-03T00:00:00"}'],
  ['a type with a slash', '{"type":"../noop","payload":1}'],
  ['an unknown type', '{"type":"constructor","payload":1}'],
  ['a token that is none', '{"token":"nope","error":"x","worker_id":"w"}'],
  ['a worker without a name', '{"worker_id":"","ids":[],"jobs":[]}'],
  ['a lease of a year', `{"worker_id":"w","lease_seconds":31536000,"token":"${ID}"}`],
  ['too many', `{"ids":[${Array(1001).fill(`"${ID}"`).join()}],"worker_id":"w"}`],
  ['a workflow with a NUL in a name', '{"name":"w","steps":[{"name":"\\u0000","type":"noop"}]}'],
  [
    'a workflow with half a pair in a payload',
    '{"name":"w","steps":[{"name":"a","type":"noop","payload":{"a":"\\udc00"}}]}',
  ],
  [
    'a record with a bad offset',
    '{"records":[{"topic":"t","partition":-1,"offset":"x","key":"=","value":null,"reason":""}]}',
  ],
  ['7 MB', `{"type":"noop","payload":"${'x'.repeat(7 * 1024 * 1024)}"}`],
];

describe('bad input', () => {
  test.each(bodies)(
    '%s is refused by every route that writes, and nothing is written',
    async (_name, body) => {
      const before = await api.written();
      for (const path of writing) {
        const headers = {
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(body)),
        };
        const answer = await api.raw({ method: 'POST', path, body, headers });
        expect([path, answer.status]).toEqual([
          path,
          expect.toSatisfy((status: number) => status >= 400 && status < 500),
        ]);
        expect(answer.headers.get('content-type')).toBe('application/problem+json');
      }
      expect(await api.written()).toBe(before);
    },
  );

  test.each([
    ['GET', '/nope', 404],
    ['GET', '/api/v1/jobs/%00', 400],
    ['GET', '/api/v1/jobs/%E0%A4%A', 400],
    ['GET', `/api/v1/workflows/${ID}%20`, 400],
    ['GET', '/api/v1/jobs?status=%FF', 400],
    ['GET', '/api/v1/jobs?type=%00', 400],
    ['GET', '/api/v1/jobs?cursor=%00', 400],
    ['GET', `/api/v1/jobs?${'limit=1&'.repeat(500)}`, 400],
    ['DELETE', '/api/v1/jobs', 405],
    ['PUT', `/api/v1/jobs/${ID}`, 405],
    ['POST', '/health', 405],
  ])('%s %s is answered %i', async (method, path, status) => {
    const answer = await api.raw({ method, path });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    if (status === 405) expect(answer.headers.get('allow')).toMatch(/GET|POST/);
  });

  test('of any shape never makes a fault of ours', async () => {
    const { id, token } = await claimedJob(api);
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom('noop', id, token, '\0', '\ud800', -1, 1e21));
    const names = [
      'type',
      'payload',
      'max_retries',
      'idempotency_key',
      'run_at',
      'priority',
      'partition_key',
      'jobs',
      'ids',
      'id',
      'token',
      'worker_id',
      'lease_seconds',
      'error',
      'retryable',
      'name',
      'steps',
      'foreign_id',
      'records',
    ];
    const body = fc.dictionary(
      fc.constantFrom(...names),
      fc.oneof(value, fc.array(fc.dictionary(fc.constantFrom(...names), value))),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...writing, `/api/v1/jobs/${id}/fail`), body, async (path, sent) => {
        const answer = await api.post(path, sent);
        expect(answer.status).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  });
});
