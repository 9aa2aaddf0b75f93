import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MillraceError } from '../../engine/errors.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { handler as unmatched } from '../../functions/http/handlers/unmatched.ts';
import { matchRoute } from '../../functions/http/match-route.ts';
import { problemReply } from '../../functions/http/problem.ts';
import { bodyLimits, tooLarge } from '../../functions/http/request-body.ts';
import type { HttpHandler, HttpResult } from '../../functions/http/shape.ts';
import { toContext, toEvent } from './gateway-event.ts';
import { mayListen, refuseStream } from './ui-access.ts';
import { UiEvents } from './ui-events.ts';

export interface GatewayOptions {
  /** 0 for any free one. */
  readonly port: number;
  readonly host?: string;
  readonly logger: Logger;
  /** Stops the gateway when it aborts. */
  readonly signal?: AbortSignal;
}

export interface Gateway {
  readonly url: string;
  readonly port: number;
  /** Takes no new request, finishes those under way, then resolves. Safe to call twice. */
  stop(): Promise<void>;
}

/** As API Gateway allows. */
const REQUEST_TIMEOUT_MS = 30_000;
/** A little more than the handlers take, so that their own refusal is the usual one. */
const MAX_BODY_BYTES = bodyLimits.batch + 64 * 1024;

/**
 * Real HTTP in front of the Lambda handlers: makes of each request the event that API Gateway would make, and of the
 * handler's result the reply. It knows no endpoint by itself.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { port, host = '127.0.0.1', logger, signal } = options;
  const server = createServer({ keepAliveTimeout: 65_000, requestTimeout: REQUEST_TIMEOUT_MS });
  const underWay = new Set<ServerResponse>();
  const events = new UiEvents();
  server.on('request', (request, response) => {
    if (request.method === 'GET' && request.url === '/ui/events' && server.listening) {
      void mayListen(request).then((isIn) => (isIn ? events.serve(response) : refuseStream(response)));
      return;
    }
    underWay.add(response);
    response.once('close', () => underWay.delete(response));
    serve(server, request, response).catch((error: unknown) => {
      // A handler answers every failure itself: what comes here is the connection's.
      logger.warn('a request ended without a reply', { path: request.url?.slice(0, 200), error });
      response.destroy();
    });
  });
  await listen(server, { port, host });
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= close(server, underWay);
    events.close();
    return stopping;
  };
  signal?.addEventListener('abort', () => void stop(), { once: true });
  const { port: bound } = server.address() as AddressInfo;
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`, port: bound, stop };
}

function listen(server: Server, { port, host }: { port: number; host: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const reason = `The API cannot listen on ${host}:${port}: ${error.message}. Choose another WE_HTTP_PORT or WE_HTTP_HOST.`;
      reject(new MillraceError('configuration', reason, { cause: error }));
    });
    // Load tests open hundreds of connections at once.
    server.listen({ port, host, backlog: 1024 }, resolve);
  });
}

async function close(server: Server, underWay: ReadonlySet<ServerResponse>): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  await Promise.all([...underWay].map((response) => once(response, 'close')));
  // Clients open connections ahead of their requests; one that never brought any does not count as idle.
  server.closeAllConnections();
  await closed;
}

async function serve(server: Server, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  if (!body) {
    const refusal = tooLarge('The body', { limit: bodyLimits.batch });
    send(response, problemReply(refusal), { keepAlive: false });
    return;
  }
  const { rawPath, rawQuery } = split(request.url ?? '/');
  const match = matchRoute(request.method ?? 'GET', rawPath);
  const routeKey = match ? `${match.route.method} ${match.route.path}` : '$default';
  const event = toEvent(request, {
    body,
    routeKey,
    rawPath,
    rawQuery,
    pathParameters: match?.pathParameters,
  });
  event.gone = () => goneSignal(response);
  const handler = match?.route.endpoint.handler ?? (isDialect(rawPath) ? await dialect() : unmatched);
  const reply = handler(event, toContext(event, performance.now() + REQUEST_TIMEOUT_MS));
  const result = await inTime(reply, event.requestContext.requestId);
  // A connection kept open would keep a gateway that stops from ending.
  send(response, result, { keepAlive: server.listening });
}

function isDialect(path: string): boolean {
  return path === '/healthz' || path.startsWith('/v1/');
}

/** Read at the first request that speaks it. */
async function dialect(): Promise<HttpHandler> {
  return (await import('../../functions/http/rochallor/main.ts')).handler;
}

/** Aborts when the connection closes before the reply was sent. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  if (response.destroyed) gone.abort();
  else response.once('close', () => response.writableFinished || gone.abort());
  return gone.signal;
}

/** Undefined when the body is larger than allowed; then the rest of it is not read. */
function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > MAX_BODY_BYTES) return Promise.resolve(undefined);
  if (declared === 0 && request.headers['transfer-encoding'] === undefined) return Promise.resolve(NO_BODY);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) {
        request.pause();
        resolve(undefined);
      } else chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size)));
    request.on('error', reject);
  });
}

const NO_BODY = Buffer.alloc(0);

function split(url: string): { rawPath: string; rawQuery: string } {
  const mark = url.indexOf('?');
  if (mark === -1) return { rawPath: url, rawQuery: '' };
  return { rawPath: url.slice(0, mark), rawQuery: url.slice(mark + 1) };
}

/** The handler's result, or 503 when it takes longer than API Gateway would wait. */
async function inTime(reply: Promise<HttpResult>, requestId: string): Promise<HttpResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<HttpResult>((resolve) => {
    timer = setTimeout(() => {
      const error = new MillraceError('unavailable', 'The handler did not answer in time.', {
        retryable: true,
      });
      resolve(problemReply(error, requestId));
    }, REQUEST_TIMEOUT_MS);
  });
  try {
    return await Promise.race([reply, late]);
  } finally {
    clearTimeout(timer);
  }
}

function send(response: ServerResponse, result: HttpResult, { keepAlive }: { keepAlive: boolean }): void {
  const { statusCode = 200, headers = {}, body = '', isBase64Encoded = false } = result;
  // Text goes out in one write together with the head; bytes need a second one, which cost a tenth of the CPU.
  const content = isBase64Encoded ? Buffer.from(body, 'base64') : body;
  response.writeHead(statusCode, {
    ...headers,
    ...(keepAlive ? {} : { connection: 'close' }),
    'content-length': Buffer.byteLength(content),
  });
  response.end(content);
}
