import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Gateway, startGateway } from '../../../../cli/dev/gateway.ts';
import { toEvent } from '../../../../cli/dev/gateway-event.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import type { HttpEvent } from '../../../../functions/http/shape.ts';

let gateway: Gateway;

beforeEach(async () => {
  gateway = await startGateway({ port: 0, logger: silentLogger });
});

afterEach(() => gateway.stop());

describe('the gateway', () => {
  test('serves 500 connections at once, each more than once', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 500 });
    const statuses = await Promise.all(Array.from({ length: 1500 }, () => get('/health', agent)));
    agent.destroy();
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  test('refuses a body that says it is too large, without reading it', async () => {
    const { status, body } = await announce({ 'content-length': String(100 * 1024 * 1024) });
    expect(status).toBe(413);
    expect(JSON.parse(body)).toMatchObject({ code: 'body_too_large' });
  });

  test('refuses a body that becomes too large while it is sent', async () => {
    const socket = connect(gateway.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('POST /api/v1/jobs/batch HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    for (let sent = 0; sent < 7; sent += 1) {
      socket.write(`${chunk.length.toString(16)}\r\n`);
      socket.write(chunk);
      socket.write('\r\n');
    }
    const [answer] = await once(socket, 'data');
    socket.destroy();
    expect(String(answer)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('ends when told to, with connections open, and lets go of the port', async () => {
    const agent = new Agent({ keepAlive: true });
    expect(await get('/health', agent)).toBe(200);

    await Promise.all([gateway.stop(), gateway.stop()]);

    await expect(get('/health', agent)).rejects.toThrow();
    agent.destroy();
    const again = await startGateway({ port: gateway.port, logger: silentLogger });
    await again.stop();
  });

  test('finishes a request under way when it is stopped', async () => {
    const outgoing = request({
      port: gateway.port,
      method: 'POST',
      path: '/api/v1/nothing',
      headers: { 'content-length': '3' },
    });
    outgoing.write('{');
    await once(outgoing, 'socket');
    await expect.poll(() => outgoing.socket?.connecting).toBe(false);
    await get('/health');
    const stopped = gateway.stop();
    outgoing.end('}}');
    const [response] = await once(outgoing, 'response');
    response.resume();
    await stopped;
    expect(response.statusCode).toBe(404);
    expect(response.headers.connection).toBe('close');
  });

  test('stops when its signal aborts, and says what is wrong with a port', async () => {
    const controller = new AbortController();
    const other = await startGateway({ port: 0, logger: silentLogger, signal: controller.signal });
    await expect(startGateway({ port: other.port, logger: silentLogger })).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('WE_HTTP_PORT'),
    });
    controller.abort();
    await other.stop();
    const third = await startGateway({ port: other.port, logger: silentLogger });
    await third.stop();
  });
});

/** As API Gateway documents payload format 2.0, but for ids, times and addresses. */
describe('the event', () => {
  test('has the shape of API Gateway', async () => {
    const event = await eventOf({
      path: '/api/v1/jobs/17?a=1&a=2&b=%C3%A9+x',
      headers: {
        'content-type': 'application/json',
        Cookie: 'x=1; y=2',
        'X-Multi': ['1', '2'],
        'user-agent': 'test',
      },
      body: '{"é":1}',
    });

    expect(event).toEqual({
      version: '2.0',
      routeKey: 'POST /api/v1/jobs/{id}',
      rawPath: '/api/v1/jobs/17',
      rawQueryString: 'a=1&a=2&b=%C3%A9+x',
      cookies: ['x=1', 'y=2'],
      headers: expect.objectContaining({
        'content-type': 'application/json',
        'x-multi': expect.stringMatching(/^1, ?2$/),
      }),
      queryStringParameters: { a: '1,2', b: 'é x' },
      pathParameters: { id: '17' },
      requestContext: {
        accountId: expect.any(String),
        apiId: expect.any(String),
        domainName: expect.any(String),
        domainPrefix: expect.any(String),
        http: {
          method: 'POST',
          path: '/api/v1/jobs/17',
          protocol: 'HTTP/1.1',
          sourceIp: expect.any(String),
          userAgent: 'test',
        },
        requestId: expect.any(String),
        routeKey: 'POST /api/v1/jobs/{id}',
        stage: '$default',
        time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
        timeEpoch: expect.any(Number),
      },
      body: '{"é":1}',
      isBase64Encoded: false,
    });
    expect(event.headers).not.toHaveProperty('cookie');
  });

  test.each([
    ['what is not text', { 'content-type': 'application/x-www-form-urlencoded' }, Buffer.from('{}')],
    ['what is not UTF-8', { 'content-type': 'application/json' }, Buffer.from([0xff])],
  ])('holds %s in base64', async (_name, headers, body) => {
    const event = await eventOf({ path: '/', headers, body });
    expect(event).toMatchObject({ isBase64Encoded: true, body: body.toString('base64') });
  });
});

async function eventOf(sent: {
  path: string;
  headers: Record<string, string | string[]>;
  body: string | Buffer;
}): Promise<HttpEvent> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const event = new Promise<HttpEvent>((resolve) => {
    server.once('request', (incoming, response) => {
      const [rawPath = '', rawQuery = ''] = (incoming.url ?? '').split('?');
      const pathParameters = rawPath === '/' ? undefined : { id: '17' };
      const routeKey = 'POST /api/v1/jobs/{id}';
      resolve(
        toEvent(incoming, { body: Buffer.from(sent.body), routeKey, rawPath, rawQuery, pathParameters }),
      );
      response.end();
    });
  });
  request({ port, method: 'POST', path: sent.path, headers: sent.headers, agent: false }).end(sent.body);
  try {
    return await event;
  } finally {
    server.close();
  }
}

function get(path: string, agent?: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { port: gateway.port, path, ...(agent ? { agent } : { agent: false }) },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** Sends only the head of a request. */
async function announce(headers: Record<string, string>): Promise<{ status: number; body: string }> {
  const outgoing = request({
    port: gateway.port,
    method: 'POST',
    path: '/api/v1/jobs/batch',
    headers,
    agent: false,
  });
  outgoing.flushHeaders();
  const [response] = await once(outgoing, 'response');
  let body = '';
  for await (const chunk of response) body += String(chunk);
  outgoing.destroy();
  return { status: response.statusCode, body };
}
