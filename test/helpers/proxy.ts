import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface LocalProxy extends AsyncDisposable {
  readonly port: number;
  /** From now on nothing passes on the connections there are, and neither end is told, as behind a network that forgets idle ones. */
  silence(): void;
}

export interface ProxyOptions {
  /** 0 is any free port. */
  readonly port: number;
  /** Of the server, on the loopback interface; asked for at each connection. */
  readonly target: () => number;
  /** Gives what the client sends on to the server. */
  readonly forth: (pieces: Connection) => void;
  /** Gives what the server answers on to the client; destroying the client cuts the connection. */
  readonly back: (pieces: Connection) => void;
}

export interface Connection {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Whether nothing may pass any more. */
  readonly isSilent: () => boolean;
}

/** Stands before a server on the loopback interface. What one end does to a connection the other learns by its close. */
export async function startProxy({ port, target, forth, back }: ProxyOptions): Promise<LocalProxy> {
  const sockets = new Set<Socket>();
  const silenced = new WeakSet<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target(), '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // A cut connection is what a proxy of a test is for.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        if (silenced.has(socket)) return;
        client.destroy();
        upstream.destroy();
      });
    }
    const connection = { client, upstream, isSilent: () => silenced.has(client) };
    client.on('end', () => connection.isSilent() || upstream.end());
    forth(connection);
    back(connection);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    silence: () => {
      for (const socket of sockets) silenced.add(socket);
    },
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Every piece as it is. */
export function passForth({ client, upstream, isSilent }: Connection): void {
  client.on('data', (piece: Buffer) => isSilent() || upstream.write(piece));
}
