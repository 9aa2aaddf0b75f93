import { connect } from 'node:net';

const METADATA = 3;

/**
 * How many brokers the broker at this port says are alive; 0 while it does not answer. A broker accepts connections
 * some time before it is part of the cluster, and until then every topic is refused for want of brokers.
 */
export function aliveBrokers(host: string, port: number, timeoutMs = 1_000): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let received = Buffer.alloc(0);
    const finish = (count: number): void => {
      socket.destroy();
      resolve(count);
    };
    socket.setTimeout(timeoutMs, () => finish(0));
    socket.on('error', () => finish(0));
    socket.on('close', () => resolve(0));
    socket.on('connect', () => socket.write(metadataRequest()));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      // Length, correlation id, then the array of brokers, whose length is all we want.
      if (received.length >= 12) finish(received.readInt32BE(8));
    });
  });
}

/** Metadata, version 1, of no topic: the oldest form that every broker since 0.10 answers. */
function metadataRequest(): Buffer {
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + 4);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(METADATA, 4);
  request.writeInt16BE(1, 6);
  request.writeInt32BE(1, 8);
  request.writeInt16BE(-1, 12);
  request.writeInt32BE(0, 14);
  return request;
}
