import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { httpEvent } from './setup/events.ts';
import { startLambda } from './setup/lambda.ts';

/** Keeps what it is asked, and answers as it is told. */
let server: Server;
let asked: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[];
let answer: (path: string) => unknown;
let url: string;

beforeEach(async () => {
  asked = [];
  answer = () => ({});
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method = '', url: path = '', headers } = request;
    asked.push({ method, path, headers, body });
    response.end(JSON.stringify(answer(path)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test('the HTTP bundle answers events of API Gateway in the real runtime', async () => {
  await using http = await startLambda('http', {});

  expect(await http.invoke(httpEvent('GET', '/health'))).toMatchObject({
    statusCode: 200,
    body: '{"status":"ok"}',
  });
  const openapi = await http.invoke(httpEvent('GET', '/openapi.json'));
  expect(openapi).toMatchObject({ statusCode: 200, body: expect.stringContaining('"openapi":"3.1') });
  expect(await http.invoke(httpEvent('GET', '/nowhere', { routeKey: '$default' }))).toMatchObject({
    statusCode: 404,
  });
});

test('the HTTP bundle has the whole web UI in it, and reads each group of routes when it is asked for', async () => {
  await using http = await startLambda('http', {});

  const page = (await http.invoke(httpEvent('GET', '/ui'))) as HttpResult;
  expect(page).toMatchObject({
    statusCode: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': expect.anything() },
  });
  const asked = new Set<string>();
  const left = [...page.body.matchAll(/"(?:\.?\/)?ui\/([\w.-]+)"/g)].map(([, name]) => String(name));
  expect(left).toContain('main.ts');
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (asked.has(name)) continue;
    asked.add(name);
    const event = httpEvent('GET', `/ui/${name}`, { routeKey: 'GET /ui/{name}', pathParameters: { name } });
    const { statusCode, body } = (await http.invoke(event)) as HttpResult;
    expect({ name, statusCode }).toEqual({ name, statusCode: 200 });
    expect(body).not.toMatch(/^import type |from ['"](?!\.\/)/m);
    left.push(...[...body.matchAll(/\bfrom\s*['"]\.\/([\w.-]+)['"]/g)].map(([, next]) => String(next)));
  }
  expect([...asked]).toEqual(expect.arrayContaining(['preact.js', 'preact-hooks.js', 'page-jobs.ts']));

  for (const path of ['/api/v1/workflows', '/api/v1/schedules', '/api/v1/overview']) {
    // Found, read and begun: what fails is the database that is not there.
    expect(await http.invoke(httpEvent('GET', path))).toMatchObject({ statusCode: 500 });
  }
});

interface HttpResult {
  readonly statusCode: number;
  readonly body: string;
}

test('a setting that is missing is named in the log, and the caller gets a problem document', async () => {
  await using http = await startLambda('http', {});
  const reply = await http.invoke(httpEvent('GET', '/api/v1/jobs'));
  expect(reply).toMatchObject({
    statusCode: 500,
    headers: { 'content-type': 'application/problem+json' },
  });
  expect(http.log()).toContain('WE_POSTGRES_DSN is not set');
});

test('the worker bundle takes an event of MSK, signs what it asks, and reports what is no dispatch', async () => {
  await using worker = await startLambda('worker', {
    WE_API_URL: url,
    WE_API_AUTH: 'iam',
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'session',
  });
  answer = () => ({ recorded: 1 });
  const value = Buffer.from('no dispatch').toString('base64');
  const event = {
    eventSource: 'aws:kafka',
    eventSourceArn: 'arn:aws:kafka:eu-west-1:111122223333:cluster/c/1',
    bootstrapServers: 'b-1:9098',
    records: {
      'workflow.jobs.noop-0': [
        {
          topic: 'workflow.jobs.noop',
          partition: 0,
          offset: 15,
          timestamp: 1,
          timestampType: 'CREATE_TIME',
          key: value,
          value,
          headers: [],
        },
      ],
    },
  };

  expect(await worker.invoke(event)).toEqual({ batchItemFailures: [] });
  expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /api/v1/undecodable-records']);
  expect(asked[0]?.headers['authorization']).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/execute-api\/aws4_request, SignedHeaders=.*host.*x-amz-security-token/,
  );
});

test('the authorizer bundle lets a known key in and no other', async () => {
  const hash = createHash('sha256').update('the-key').digest('hex');
  await using authorizer = await startLambda('authorizer', { WE_API_KEY_HASHES: hash });

  expect(await authorizer.invoke({ headers: { authorization: 'Bearer the-key' } })).toEqual({
    isAuthorized: true,
    context: { key: hash.slice(0, 8) },
  });
  expect(await authorizer.invoke({ headers: { authorization: 'Bearer another' } })).toEqual({
    isAuthorized: false,
  });
});

test('the migration bundle leaves the database alone when the stack goes, and names what it lacks otherwise', async () => {
  await using migrate = await startLambda('migrate', {});
  const event = {
    RequestType: 'Delete',
    ResponseURL: `${url}/answer`,
    StackId: 's',
    RequestId: 'r',
    LogicalResourceId: 'Migrations',
    ResourceProperties: {},
  };

  await migrate.invoke(event);
  await migrate.invoke({ ...event, RequestType: 'Create' });

  expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(['PUT /answer', 'PUT /answer']);
  const [deleted, created] = asked.map(({ body }) => JSON.parse(body));
  expect(deleted).toMatchObject({ Status: 'SUCCESS' });
  expect(created).toMatchObject({
    Status: 'FAILED',
    Reason: expect.stringContaining('WE_MIGRATE_HOST is not set'),
  });
});
