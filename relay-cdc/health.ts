import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MillraceError } from '../engine/errors.ts';
import { reasonOf } from './failures.ts';
import { METRICS_CONTENT_TYPE } from './metrics.ts';
import type { Readiness } from './status.ts';

export interface HealthServer {
  readonly url: string;
  close(): Promise<void>;
}

export interface HealthSources {
  readonly metrics: () => Promise<string>;
  readonly readiness: () => Readiness;
}

/**
 * `/metrics`; `/healthz`, which answers as long as the process runs; `/readyz`, which is 200 for a leader that streams and
 * for a standby whose database connection is up.
 */
export async function serveHealth(port: number, sources: HealthSources): Promise<HealthServer> {
  const server = createServer(listener(sources));
  await listen(server, port);
  // `address` is a string for pipes only.
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listener({ metrics, readiness }: HealthSources): RequestListener {
  return (request, response) => {
    const path = new URL(request.url ?? '/', 'http://relay').pathname;
    const reply = (code: number, body: string, type = 'application/json'): void => {
      response.writeHead(code, { 'content-type': type });
      response.end(body);
    };
    if (path === '/healthz') {
      reply(200, JSON.stringify({ status: 'ok' }));
    } else if (path === '/readyz') {
      const state = readiness();
      reply(state.ready ? 200 : 503, JSON.stringify(state));
    } else if (path === '/metrics') {
      metrics().then(
        (text) => reply(200, text, METRICS_CONTENT_TYPE),
        (error: unknown) => reply(500, JSON.stringify({ error: reasonOf(error) })),
      );
    } else {
      reply(404, JSON.stringify({ error: 'try /metrics, /healthz or /readyz' }));
    }
  };
}

async function listen(server: Server, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, resolve);
  try {
    await promise;
  } catch (error) {
    throw new MillraceError(
      'configuration',
      `The metrics port ${port} cannot be used: ${reasonOf(error)}. Set WE_METRICS_PORT to a free one (0 picks one).`,
      { cause: error, detail: { variable: 'WE_METRICS_PORT' } },
    );
  }
}
