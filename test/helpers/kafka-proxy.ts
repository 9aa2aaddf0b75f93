import type { Socket } from 'node:net';
import { type LocalProxy, passForth, startProxy } from './proxy.ts';

/** What becomes of an answer to a produce request: it passes, is lost with its connection, or names this error instead. */
export type ProduceAnswer = 'pass' | 'lose' | { readonly errorCode: number };

export interface KafkaProxy extends LocalProxy {
  /** Asked for each answer to a produce request, when the broker has stored the records already. */
  onProduced(decide: () => ProduceAnswer): void;
}

const PRODUCE = 0;
/** From this version on lengths are varints, and headers have tags. */
const FLEXIBLE = 9;

/** Reads enough of the protocol to tell the answers to produce requests from all others. */
export async function startKafkaProxy(port: number, target: () => number): Promise<KafkaProxy> {
  let decide: () => ProduceAnswer = () => 'pass';
  const proxy = await startProxy({
    port,
    target,
    forth: passForth,
    back: ({ client, upstream, isSilent }) => {
      const versions = new Map<number, number>();
      eachFrame(client, (frame) => {
        if (frame.readInt16BE(4) === PRODUCE) versions.set(frame.readInt32BE(8), frame.readInt16BE(6));
      });
      eachFrame(upstream, (frame) => {
        if (isSilent()) return;
        const version = versions.get(frame.readInt32BE(4));
        const answer = version === undefined ? 'pass' : decide();
        if (answer === 'lose') client.destroy();
        else client.write(answer === 'pass' ? frame : withError(frame, version ?? 0, answer.errorCode));
      });
    },
  });
  return {
    ...proxy,
    onProduced: (next) => {
      decide = next;
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
