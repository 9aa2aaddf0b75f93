import type { Context } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { MillraceError } from '../../../../engine/errors.ts';
import { rawMembers } from '../../../../engine/raw-json.ts';
import { defineEndpoint } from '../../../../functions/http/endpoint.ts';
import type { HttpEvent } from '../../../../functions/http/shape.ts';

const echo = defineEndpoint(
  {
    scope: 'public',
    body: z.strictObject({ payload: z.unknown(), count: z.int().max(5).optional() }),
    bodyLimit: 1024,
    replies: {},
  },
  ({ text }) => ({ status: 200, body: rawMembers(text).get('payload') ?? '' }),
);

describe('an endpoint', () => {
  test('gives the handler what was sent, byte for byte, from text and from base64', async () => {
    const body = '{"payload":{"2":9007199254740993,"1":"é😀"}}';
    const base64 = Buffer.from(body).toString('base64');

    expect(await call({ body, isBase64Encoded: false })).toMatchObject({ statusCode: 200 });
    expect((await call({ body: base64, isBase64Encoded: true })).body).toBe(
      '{"2":9007199254740993,"1":"é😀"}',
    );
  });

  test('names all faults at once, by their path', async () => {
    const problem = await refused(
      '{"count":9.5,"extra":1,"__proto__":{"payload":1}}',
      'invalid_request',
      400,
    );
    expect(problem.errors.map(({ field }: { field: string }) => field).sort()).toEqual(
      ['__proto__', 'count', 'extra', 'payload'].sort(),
    );
  });

  test.each([
    ['no body', undefined, 'malformed_json', 400],
    ['an empty body', ' \n', 'malformed_json', 400],
    ['half of a document', '{"payload":', 'malformed_json', 400],
    ['a body that is not an object', '[]', 'invalid_request', 400],
    ['half of a surrogate pair', '{"payload":"\ud800"}', 'malformed_json', 400],
    ['one level too many', `{"payload":${'['.repeat(100)}${']'.repeat(100)}}`, 'invalid_request', 400],
    ['a body over its limit', `{"payload":"${'x'.repeat(1024)}"}`, 'body_too_large', 413],
  ])('refuses %s', async (_name, body, code, status) => {
    await refused(body, code, status);
  });

  test('names the position of the fault in malformed JSON', async () => {
    const problem = await refused('{"payload":1,}', 'malformed_json', 400);
    expect(problem).toMatchObject({ position: 13, line: 1, column: 14 });
  });

  test('refuses bytes that are not UTF-8', async () => {
    const body = Buffer.from('{"payload":"\xff"}', 'latin1').toString('base64');
    expect(await call({ body, isBase64Encoded: true })).toMatchObject({ statusCode: 400 });
  });

  test('counts bytes, not characters', async () => {
    await refused(`{"payload":"${'é'.repeat(600)}"}`, 'body_too_large', 413);
  });

  test('turns a refusal into its problem, and a fault into one that tells nothing', async () => {
    const refusing = defineEndpoint({ scope: 'public', replies: {} }, () => {
      throw new MillraceError('not_found', 'There is no such thing.');
    });
    const failing = defineEndpoint({ scope: 'public', replies: {} }, () =>
      Promise.reject(new Error('secret')),
    );

    expect(await refusing.handler(event({}), context)).toMatchObject({ statusCode: 404 });
    const fault = await failing.handler(event({}), context);
    expect(fault.statusCode).toBe(500);
    expect(fault.body).not.toContain('secret');
    expect(JSON.parse(fault.body ?? '')).toMatchObject({ code: 'internal', request_id: 'request-1' });
  });
});

async function refused(body: string | undefined, code: string, status: number) {
  const result = await call({ ...(body === undefined ? {} : { body }), isBase64Encoded: false });
  expect(result).toMatchObject({
    statusCode: status,
    headers: { 'content-type': 'application/problem+json' },
  });
  const problem = JSON.parse(result.body ?? '');
  expect(problem).toMatchObject({ code, status });
  return problem;
}

function call(part: Partial<HttpEvent>) {
  return echo.handler(event(part), context);
}

function event(part: Partial<HttpEvent>): HttpEvent {
  const http = { method: 'POST', path: '/', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' };
  return {
    version: '2.0',
    routeKey: 'POST /',
    rawPath: '/',
    rawQueryString: '',
    headers: {},
    requestContext: {
      accountId: '0',
      apiId: 'a',
      domainName: 'd',
      domainPrefix: 'p',
      http,
      requestId: 'request-1',
      routeKey: 'POST /',
      stage: '$default',
      time: '',
      timeEpoch: 0,
    },
    isBase64Encoded: false,
    ...part,
  };
}

const context: Context = {
  callbackWaitsForEmptyEventLoop: false,
  functionName: 'test',
  functionVersion: '1',
  invokedFunctionArn: 'arn',
  memoryLimitInMB: '128',
  awsRequestId: 'request-1',
  logGroupName: 'g',
  logStreamName: 's',
  getRemainingTimeInMillis: () => 1000,
  done: () => undefined,
  fail: () => undefined,
  succeed: () => undefined,
};
