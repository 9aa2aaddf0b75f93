import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Asked for each piece the server sends: `lose` cuts the connection instead of passing it on. */
  onAnswer(decide: (piece: Buffer) => 'pass' | 'lose'): void;
  /** From now on nothing passes on the connections there are, and neither end is told, as behind a network that forgets idle ones. */
  silence(): void;
}

/** Stands before a server on the loopback interface, and can lose what the server says after it has done what it was asked. */
export async function startTcpProxy(port: number, target: () => number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const silenced = new WeakSet<Socket>();
  let decide: (piece: Buffer) => 'pass' | 'lose' = () => 'pass';
  const server = createServer((client) => {
    const upstream = connect(target(), '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // A cut connection is what this proxy is for; both ends learn of it by the close.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        if (silenced.has(socket)) return;
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (piece) => silenced.has(client) || upstream.write(piece));
    client.on('end', () => silenced.has(client) || upstream.end());
    upstream.on('data', (piece) => {
      if (silenced.has(upstream)) return;
      if (decide(piece) === 'pass') client.write(piece);
      else client.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    onAnswer: (next) => {
      decide = next;
    },
    silence: () => {
      for (const socket of sockets) silenced.add(socket);
    },
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
