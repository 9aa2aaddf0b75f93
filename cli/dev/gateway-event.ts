import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Context as LambdaContext } from 'aws-lambda';
import type { HttpEvent } from '../../functions/http/shape.ts';

const REGION = 'local';
const ACCOUNT = '000000000000';
const API_ID = 'millrace';

/** What is passed to a Lambda as text; anything else arrives in base64, as in API Gateway. */
const TEXT = /^(?:text\/|application\/(?:json|javascript|xml|[\w.-]+\+(?:json|xml))(?:;|$))/i;

export interface EventParts {
  readonly body: Buffer;
  /** `POST /api/v1/jobs/{id}/claim`, or `$default`. */
  readonly routeKey: string;
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly pathParameters: Record<string, string> | undefined;
}

/** The event that API Gateway's HTTP API makes of a request (payload format 2.0). */
export function toEvent(request: IncomingMessage, parts: EventParts): HttpEvent {
  const { cookie, ...headers } = joined(request);
  const now = new Date();
  const host = headers['host'] ?? '';
  return {
    version: '2.0',
    routeKey: parts.routeKey,
    rawPath: parts.rawPath,
    rawQueryString: parts.rawQuery,
    ...(cookie === undefined ? {} : { cookies: cookie.split('; ') }),
    headers,
    ...(parts.rawQuery === '' ? {} : { queryStringParameters: queryOf(parts.rawQuery) }),
    ...(parts.pathParameters ? { pathParameters: parts.pathParameters } : {}),
    requestContext: {
      accountId: ACCOUNT,
      apiId: API_ID,
      domainName: host,
      domainPrefix: API_ID,
      http: {
        method: request.method ?? 'GET',
        path: parts.rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: parts.routeKey,
      stage: '$default',
      time: logTime(now),
      timeEpoch: now.getTime(),
    },
    ...bodyOf(parts.body, headers['content-type']),
  };
}

/** A context with what handlers read of it. */
export function toContext(event: HttpEvent, deadline: number): LambdaContext {
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: 'millrace-gateway',
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:millrace-gateway`,
    memoryLimitInMB: '128',
    awsRequestId: event.requestContext.requestId,
    logGroupName: '/aws/lambda/millrace-gateway',
    logStreamName: 'local',
    getRemainingTimeInMillis: () => Math.max(0, deadline - performance.now()),
    done: unsupported,
    fail: unsupported,
    succeed: unsupported,
  };
}

function unsupported(): never {
  throw new Error('done, fail and succeed of the Lambda context are not supported: return or throw.');
}

/** Lower-case names; values of a repeated header joined by commas. */
function joined(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value;
  }
  return headers;
}

/** Decoded; values of a repeated parameter joined by commas. */
function queryOf(query: string): Record<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const earlier = parameters.get(name);
    parameters.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return Object.fromEntries(parameters);
}

/** Bytes that are not UTF-8 go in base64 whatever they call themselves, so that the handler sees them as they are. */
function bodyOf(body: Buffer, contentType = 'text/plain'): { body?: string; isBase64Encoded: boolean } {
  if (body.length === 0) return { isBase64Encoded: false };
  if (TEXT.test(contentType) && isUtf8(body)) return { body: body.toString('utf8'), isBase64Encoded: false };
  return { body: body.toString('base64'), isBase64Encoded: true };
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** `12/Mar/2026:19:03:58 +0000` */
function logTime(at: Date): string {
  const iso = at.toISOString();
  return `${iso.slice(8, 10)}/${MONTHS[at.getUTCMonth()]}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
}
