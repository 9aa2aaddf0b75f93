import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it came over OTLP. Ids are hex; of the attributes only texts, numbers and booleans. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly isError: boolean;
  readonly startNs: bigint;
  readonly endNs: bigint;
}

export interface OtlpReceiver extends AsyncDisposable {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
}

/**
 * What a collector is at its door: takes OTLP over HTTP in protobuf and nothing else. Decoded by the field numbers of the
 * published opentelemetry/proto/trace/v1/trace.proto, not by the library that encodes.
 */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const isOtlp = request.headers['content-type'] === 'application/x-protobuf';
      if (request.method === 'POST' && request.url === '/v1/traces' && isOtlp) {
        spans.push(...decodeRequest(Buffer.concat(chunks)));
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      } else response.writeHead(415).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Fields by number; what comes several times is there several times. */
type Message = ReadonlyMap<number, readonly (Buffer | bigint)[]>;

function read(bytes: Buffer): Message {
  const fields = new Map<number, (Buffer | bigint)[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const next = (wireType: number): Buffer | bigint => {
    if (wireType === 0) return varint();
    const length = wireType === 1 ? 8 : wireType === 5 ? 4 : Number(varint());
    if (![1, 2, 5].includes(wireType)) throw new Error(`protobuf wire type ${wireType}`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const values = fields.get(tag >> 3) ?? [];
    fields.set(tag >> 3, values);
    values.push(next(tag & 7));
  }
  return fields;
}

function messages(message: Message, field: number): Message[] {
  return (message.get(field) ?? []).map((value) => read(value as Buffer));
}

function bytesOf(message: Message, field: number): Buffer {
  const value = message.get(field)?.[0];
  return value instanceof Buffer ? value : Buffer.alloc(0);
}

function decodeRequest(body: Buffer): ReceivedSpan[] {
  return messages(read(body), 1).flatMap((resourceSpans) => {
    const [resource] = messages(resourceSpans, 1);
    const service = String(resource ? attributesOf(resource, 1)['service.name'] : '');
    return messages(resourceSpans, 2).flatMap((scopeSpans) =>
      messages(scopeSpans, 2).map((span) => toSpan(span, service)),
    );
  });
}

function toSpan(span: Message, service: string): ReceivedSpan {
  const [status] = messages(span, 15);
  return {
    service,
    name: bytesOf(span, 5).toString(),
    traceId: bytesOf(span, 1).toString('hex'),
    spanId: bytesOf(span, 2).toString('hex'),
    parentSpanId: bytesOf(span, 4).toString('hex'),
    attributes: attributesOf(span, 9),
    links: messages(span, 13).map((link) => ({
      traceId: bytesOf(link, 1).toString('hex'),
      spanId: bytesOf(link, 2).toString('hex'),
    })),
    isError: status?.get(3)?.[0] === 2n,
    startNs: bytesOf(span, 7).readBigUInt64LE(),
    endNs: bytesOf(span, 8).readBigUInt64LE(),
  };
}

function attributesOf(message: Message, field: number): ReceivedSpan['attributes'] {
  const entries = messages(message, field).flatMap((attribute): [string, string | number | boolean][] => {
    const [value] = messages(attribute, 2);
    const key = bytesOf(attribute, 1).toString();
    if (value?.has(1)) return [[key, bytesOf(value, 1).toString()]];
    if (value?.has(2)) return [[key, value.get(2)?.[0] === 1n]];
    if (value?.has(3)) return [[key, Number(value.get(3)?.[0])]];
    return [];
  });
  return Object.fromEntries(entries);
}
