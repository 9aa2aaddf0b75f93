import type { Lsn } from '../events/ids.ts';

/** Types of the messages that a streaming replication session meets, both ways. */
export const FRAME = {
  copyBoth: 0x57,
  copyData: 0x64,
  copyDone: 0x63,
  error: 0x45,
  ready: 0x5a,
} as const;

/** What a CopyData message carries, by its first byte. */
export const COPY = { walData: 0x77, keepalive: 0x6b, standbyStatus: 0x72 } as const;

/** Start of the log data, end of the log, time: the log message itself comes after. */
export const WAL_DATA_HEADER_BYTES = 25;

const UNIX_TO_POSTGRES_MS = 946_684_800_000;

/** A Query message. */
export function queryMessage(sql: string): Buffer {
  const length = Buffer.byteLength(sql);
  const message = Buffer.alloc(6 + length);
  message.write('Q', 0, 'latin1');
  message.writeUInt32BE(5 + length, 1);
  message.write(sql, 5);
  return message;
}

export function copyDoneMessage(): Buffer {
  return Buffer.from([FRAME.copyDone, 0, 0, 0, 4]);
}

export interface StandbyStatus {
  /** How far was read; only information to the server. */
  readonly written: Lsn;
  /** How far all is with the broker. The server may forget everything before it. */
  readonly flushed: Lsn;
  readonly now: Date;
  /** Asks for a keepalive in answer. */
  readonly replyRequested: boolean;
}

/** Positions are sent as they are: one more than the end of a commit would skip a commit that starts there. */
export function standbyStatusMessage({ written, flushed, now, replyRequested }: StandbyStatus): Buffer {
  const message = Buffer.alloc(39);
  message[0] = FRAME.copyData;
  message.writeUInt32BE(38, 1);
  message[5] = COPY.standbyStatus;
  message.writeBigUInt64BE(written > flushed ? written : flushed, 6);
  message.writeBigUInt64BE(flushed, 14);
  message.writeBigUInt64BE(flushed, 22);
  message.writeBigInt64BE(BigInt(now.getTime() - UNIX_TO_POSTGRES_MS) * 1000n, 30);
  message[38] = replyRequested ? 1 : 0;
  return message;
}

export interface ServerError {
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
}

/** The fields of an ErrorResponse: a letter and a text each, up to a zero. */
export function readServerError(bytes: Buffer, body: { start: number; end: number }): ServerError {
  const fields = bytes.toString('utf8', body.start, body.end).split('\0');
  const field = (letter: string): string | undefined =>
    fields.find((text) => text.startsWith(letter))?.slice(1);
  return { code: field('C') ?? 'XX000', message: field('M') ?? 'no message' };
}
