import { once } from 'node:events';
import { createServer as createHttp1, type RequestListener } from 'node:http';
import { createServer as createHttp2, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { MillraceError } from '../../engine/errors.ts';
import { grpcRoutes } from '../../functions/grpc/routes.ts';

export interface GrpcServer {
  readonly url: string;
  /** Takes no new call, finishes those under way. Safe to call twice. */
  stop(): Promise<void>;
}

/** What a client that speaks HTTP/2 says first. */
const PREFACE = 'PRI';

/**
 * gRPC in plaintext needs HTTP/2, browsers and curl speak HTTP/1.1: one port serves both, by looking at the first bytes of each
 * connection.
 */
export async function startGrpcServer(options: {
  readonly port: number;
  readonly host: string;
}): Promise<GrpcServer> {
  const stopping = new AbortController();
  const handler = connectNodeAdapter({ routes: grpcRoutes, shutdownSignal: stopping.signal });
  const http2 = createHttp2(handler);
  const http1 = createHttp1(handler as RequestListener);
  const sessions = new Set<ServerHttp2Session>();
  http2.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    // A client that vanishes is its own affair.
    session.on('error', () => session.destroy());
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      const isHttp2 = first.toString('latin1', 0, PREFACE.length) === PREFACE;
      if (isHttp2) {
        // It takes what was put back by itself, and would find nothing once the socket flows.
        http2.emit('connection', socket);
        return;
      }
      http1.emit('connection', socket);
      socket.resume();
    });
  });
  await listen(server, options);
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    const closed = once(server, 'close');
    server.close();
    stopping.abort();
    await Promise.all([...sessions].map((session) => new Promise<void>((resolve) => session.close(resolve))));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

function listen(
  server: ReturnType<typeof createServer>,
  { port, host }: { port: number; host: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const reason = `gRPC cannot listen on ${host}:${port}: ${error.message}. Choose another WE_GRPC_PORT, or "off".`;
      reject(new MillraceError('configuration', reason, { cause: error }));
    });
    server.listen({ port, host, backlog: 1024 }, resolve);
  });
}
