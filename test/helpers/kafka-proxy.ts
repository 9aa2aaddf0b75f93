import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/** What becomes of an answer to a produce request: it passes, is lost with its connection, or names this error instead. */
export type ProduceAnswer = 'pass' | 'lose' | { readonly errorCode: number };

export interface KafkaProxy extends AsyncDisposable {
  readonly port: number;
  /** Asked for each answer to a produce request, when the broker has stored the records already. */
  onProduced(decide: () => ProduceAnswer): void;
}

const PRODUCE = 0;
/** From this version on lengths are varints, and headers have tags. */
const FLEXIBLE = 9;

/** Stands before a broker and reads enough of the protocol to tell the answers to produce requests from all others. */
export async function startKafkaProxy(port: number, target: () => number): Promise<KafkaProxy> {
  const sockets = new Set<Socket>();
  let decide: () => ProduceAnswer = () => 'pass';
  const server = createServer((client) => {
    const upstream = connect(target(), '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // A cut connection is what this proxy is for; both ends learn of it by the close.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const versions = new Map<number, number>();
    client.on('data', (bytes) => upstream.write(bytes));
    eachFrame(client, (frame) => {
      if (frame.readInt16BE(4) === PRODUCE) versions.set(frame.readInt32BE(8), frame.readInt16BE(6));
    });
    eachFrame(upstream, (frame) => {
      const version = versions.get(frame.readInt32BE(4));
      const answer = version === undefined ? 'pass' : decide();
      if (answer === 'lose') client.destroy();
      else client.write(answer === 'pass' ? frame : withError(frame, version ?? 0, answer.errorCode));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    onProduced: (next) => {
      decide = next;
    },
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Each message of the protocol, with the four bytes of its length. */
function eachFrame(socket: Socket, use: (frame: Buffer) => void): void {
  let held: Buffer = Buffer.alloc(0);
  socket.on('data', (piece: Buffer) => {
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
      const length = 4 + held.readInt32BE(0);
      use(held.subarray(0, length));
      held = held.subarray(length);
    }
  });
}

/** The answer with this error for its first partition. */
function withError(frame: Buffer, version: number, errorCode: number): Buffer {
  const changed = Buffer.from(frame);
  // Length, correlation id; then, flexible: tags, number of topics, the name and its length, number of partitions.
  const at = version >= FLEXIBLE ? 10 + (changed[10] ?? 1) + 1 : 12 + 2 + changed.readInt16BE(12) + 4;
  changed.writeInt16BE(errorCode, at + 4);
  return changed;
}
