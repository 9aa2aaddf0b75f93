import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

const MADE_UP_PID = 1;
const READY = 0x5a;
const BACKEND_KEY = 0x4b;
const IDLE = 0x49;

/**
 * A pooler in transaction mode as PgBouncer is one, as far as a client can tell: each session that logs in joins a pool, and
 * each transaction runs on whichever was used last and is free. The number it gives for cancelling is its own.
 */
export async function startTransactionPooler(target: { host: string; port: number }) {
  const free: Backend[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    let backend: Backend | undefined = new Backend(upstream, client);
    let left = Buffer.alloc(0);
    let isStarted = false;
    const release = () => {
      if (backend) free.push(backend);
      backend = undefined;
      isStarted = true;
    };
    backend.onIdle = release;
    client.on('data', (bytes) => {
      if (!isStarted) {
        upstream.write(bytes);
        return;
      }
      left = Buffer.concat([left, bytes]);
      for (;;) {
        if (left.length < 5 || left.length < 1 + left.readUInt32BE(1)) return;
        const message = left.subarray(0, 1 + left.readUInt32BE(1));
        left = left.subarray(message.length);
        // Terminate: the session of the server stays.
        if (message[0] === 0x58) return void client.end();
        backend ??= free.pop();
        if (!backend) return void client.destroy(new Error('the pool is used up'));
        backend.client = client;
        backend.onIdle = release;
        backend.socket.write(message);
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A session of the server, and the client that it serves at the moment. */
class Backend {
  readonly socket: Socket;
  client: Socket;
  onIdle: () => void = () => undefined;
  #left = Buffer.alloc(0);

  constructor(socket: Socket, client: Socket) {
    this.socket = socket;
    this.client = client;
    socket.on('data', (bytes) => this.#pass(bytes));
    // A refusal at the log-in comes without an end of the client's own.
    socket.on('end', () => this.client.end());
  }

  #pass(bytes: Buffer): void {
    this.#left = Buffer.concat([this.#left, bytes]);
    while (this.#left.length >= 5 && this.#left.length >= 1 + this.#left.readUInt32BE(1)) {
      const message = Buffer.from(this.#left.subarray(0, 1 + this.#left.readUInt32BE(1)));
      this.#left = this.#left.subarray(message.length);
      if (message[0] === BACKEND_KEY) message.writeInt32BE(MADE_UP_PID, 5);
      this.client.write(message);
      if (message[0] === READY && message[5] === IDLE) this.onIdle();
    }
  }
}
