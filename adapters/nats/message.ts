import { type Msg, type MsgHdrs, headers as newHeaders } from '@nats-io/transport-node';
import type { BusMessage, StoredMessage } from '../../engine/ports/event-bus.ts';

/**
 * A message of the bus as one of NATS. Headers stand as they are where NATS can carry them, so that anybody's client reads
 * them. The rest goes into one header as JSON: the key, and what has line ends, blanks around it, letters beyond ASCII, or a
 * name that means something to the server.
 */
const OWN = 'Millrace-Envelope';

/** What one that was redriven was at first. */
export interface Again {
  /** The only consumer it is for. */
  readonly consumer: string;
  readonly sequence: string;
  readonly publishedAt: string;
}

interface Envelope {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly again?: Again;
}

export function toHeaders({ key = '', headers = {} }: BusMessage, again?: Again): MsgHdrs {
  const result = newHeaders();
  const kept: [string, string][] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (isPlain(name, value)) result.set(name, value);
    else kept.push([name, value]);
  }
  const envelope: Envelope = {
    ...(key !== '' && { key }),
    ...(kept.length > 0 && { headers: Object.fromEntries(kept) }),
    ...(again && { again }),
  };
  if (Object.keys(envelope).length > 0) result.set(OWN, asciiJson(envelope));
  return result;
}

function isPlain(name: string, value: string): boolean {
  return (
    /^[A-Za-z0-9_-]+$/.test(name) && !/^(nats|millrace)-/i.test(name) && /^[!-~]([ -~]*[!-~])?$/.test(value)
  );
}

export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** What a delivery's reply subject tells, `$JS.ACK.[domain.account.]stream.consumer.count.sequence.….time.pending`. */
export interface Delivered {
  readonly message: StoredMessage;
  /** In the stream; another than that of the message when it was redriven. */
  readonly place: bigint;
  readonly count: number;
  readonly again: Again | undefined;
}

export function readDelivered({ subject, headers, data, reply = '' }: Msg): Delivered {
  const tokens = reply.split('.');
  const first = tokens.length > 9 ? 4 : 2;
  const [, , count, place, , nanoseconds] = tokens.slice(first);
  const publishedAt = new Date(Number(BigInt(nanoseconds ?? 0) / 1_000_000n));
  const { message, again } = readMessage({ subject, headers, data });
  return {
    message: {
      ...message,
      sequence: BigInt(again?.sequence ?? place ?? 0),
      publishedAt: again ? new Date(again.publishedAt) : publishedAt,
    },
    place: BigInt(place ?? 0),
    count: Number(count),
    again,
  };
}

export function readMessage(stored: {
  readonly subject: string;
  readonly headers?: MsgHdrs | undefined;
  readonly data: Uint8Array;
}): { readonly message: Required<BusMessage>; readonly again: Again | undefined } {
  const { subject, data } = stored;
  const own = stored.headers?.get(OWN) ?? '';
  const envelope: Envelope = own === '' ? {} : JSON.parse(own);
  const plain = [...(stored.headers?.keys() ?? [])].filter((name) => !/^(nats|millrace)-/i.test(name));
  const headers = {
    ...Object.fromEntries(plain.map((name) => [name, stored.headers?.get(name) ?? ''])),
    ...envelope.headers,
  };
  const payload = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return { message: { subject, key: envelope.key ?? '', headers, payload }, again: envelope.again };
}
