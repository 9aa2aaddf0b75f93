import type { Duplex } from 'node:stream';
import type { Lsn } from '../events/ids.ts';
import { replicationFailed } from './failures.ts';
import { FrameReader } from './frame-reader.ts';
import { Liveness } from './liveness.ts';
import { formatLsn } from './lsn.ts';
import { PgoutputDecoder } from './pgoutput.ts';
import type { ReplicationConnection } from './replication-connection.ts';
import {
  COPY,
  copyDoneMessage,
  FRAME,
  queryMessage,
  readServerError,
  standbyStatusMessage,
  WAL_DATA_HEADER_BYTES,
} from './replication-messages.ts';
import { Reporter } from './reporter.ts';
import type { Shard } from './shards.ts';
import { StreamPosition } from './stream-position.ts';
import type { WalSession, WalSink } from './wal-session.ts';

export interface SessionOptions {
  readonly slot: string;
  readonly publication: string;
  /** Where to start: what is before it is with the broker. */
  readonly start: Lsn;
  readonly shard: Shard;
}

const STOP_DEADLINE_MS = 3_000;

type Phase = 'new' | 'starting' | 'streaming' | 'stopping' | 'ended';

/** What each is to the reporter. */
const reporting = {
  new: 'starting',
  starting: 'starting',
  streaming: 'streaming',
  stopping: 'over',
  ended: 'over',
} as const;

/**
 * Our own replication session, on the socket of a `pg` connection that has done the login. It exists because the package
 * for it confirms on a timer what was merely received, sends one more than the position, and goes on after an error
 * (README.md tells what was seen).
 */
export class OwnWalSession implements WalSession {
  readonly #connection: ReplicationConnection;
  readonly #options: SessionOptions;
  readonly #ended = Promise.withResolvers<void>();
  #phase: Phase = 'new';
  #stream: Duplex | undefined;
  #sink: WalSink | undefined;
  readonly #position: StreamPosition;
  readonly #liveness = new Liveness();
  readonly #reporter: Reporter;

  constructor(connection: ReplicationConnection, options: SessionOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#position = new StreamPosition(options.start);
    this.#reporter = new Reporter({
      liveness: this.#liveness,
      phase: () => reporting[this.#phase],
      send: (ping) => this.#send(ping),
      fail: (error) => this.#end(error),
    });
  }

  async run(sink: WalSink): Promise<void> {
    this.#sink = sink;
    this.#phase = 'starting';
    const frames = this.#frameReader(sink);
    const stream = this.#connection.takeStream({
      room: () => frames.room(),
      filled: (length) => this.#read(() => frames.filled(length)),
      read: (chunk) => this.#read(() => frames.read(chunk)),
    });
    this.#stream = stream;
    const { lost } = this.#connection;
    const onLost = (): void => this.#end(lost.reason);
    lost.addEventListener('abort', onLost, { once: true });
    this.#reporter.start();
    stream.resume();
    stream.write(queryMessage(this.#startCommand()));
    try {
      await this.#ended.promise;
    } finally {
      this.#reporter.stop();
      lost.removeEventListener('abort', onLost);
    }
  }

  confirm(lsn: Lsn): void {
    if (this.#position.confirm(lsn)) this.#reporter.soon();
  }

  pause(): void {
    this.#liveness.pause();
    this.#stream?.pause();
  }

  resume(): void {
    this.#liveness.resume();
    this.#stream?.resume();
  }

  isCurrent(): boolean {
    if (this.#phase === 'ended' || !this.#liveness.isCurrent()) return false;
    return this.#phase !== 'streaming' || this.#liveness.isHeard();
  }

  async stop(): Promise<void> {
    if (this.#phase === 'streaming') this.#reporter.report();
    // The report may just have found that the server has given this process up: then it is over already.
    if (this.#phase !== 'streaming') {
      this.#end();
      return;
    }
    this.#phase = 'stopping';
    this.#stream?.write(copyDoneMessage());
    // The server works through what was sent in order: once it answers, it has the position.
    this.resume();
    const timer = setTimeout(() => this.#end(), STOP_DEADLINE_MS);
    await this.#ended.promise.finally(() => clearTimeout(timer));
  }

  #startCommand(): string {
    const { slot, publication, start } = this.#options;
    return (
      `START_REPLICATION SLOT "${slot}" LOGICAL ${formatLsn(start)} ` +
      `(proto_version '1', publication_names '"${publication}"', binary 'true', messages 'true')`
    );
  }

  #frameReader(sink: WalSink): FrameReader {
    // Where the message at hand begins; one object for all of them.
    const header: { view: DataView; at: number } = { view: new DataView(new ArrayBuffer(0)), at: 0 };
    const decoder = new PgoutputDecoder(
      {
        begin: (commitLsn, committedAt) => {
          const sentAt = Number(header.view.getBigInt64(header.at + 17));
          sink.begin(commitLsn, (sentAt - committedAt) / 1000);
        },
        insert: (row) => sink.insert(row),
        commit: (endLsn) => sink.commit(endLsn),
      },
      this.#options.shard,
    );
    return new FrameReader((type, piece, body) => {
      const { bytes, view } = piece;
      if (type !== FRAME.copyData) {
        this.#control(type, bytes, body);
        return;
      }
      if (this.#phase !== 'streaming') return;
      if (bytes[body.start] === COPY.walData) {
        header.view = view;
        header.at = body.start;
        decoder.decode(piece, body.start + WAL_DATA_HEADER_BYTES, body.end);
        this.#position.received(view.getBigUint64(body.start + 1) as Lsn);
      } else if (bytes[body.start] === COPY.keepalive) {
        this.#keepalive(sink, bytes, body.start);
      }
    });
  }

  #read(handOn: () => void): void {
    if (this.#phase === 'ended' || !this.#reporter.stillCurrent()) return;
    this.#liveness.received();
    try {
      handOn();
      if (this.#phase === 'streaming') this.#sink?.readEnd();
    } catch (error) {
      this.#end(error);
    }
  }

  #keepalive(sink: WalSink, bytes: Buffer, at: number): void {
    const walEnd = bytes.readBigUInt64BE(at + 1) as Lsn;
    this.#position.received(walEnd);
    sink.keepalive(walEnd);
    if (bytes[at + 17] === 1) this.#reporter.report();
  }

  #control(type: number, bytes: Buffer, body: { start: number; end: number }): void {
    if (type === FRAME.copyBoth) {
      this.#phase = 'streaming';
    } else if (type === FRAME.error) this.#end(this.#refused(bytes, body));
    else if (type === FRAME.copyDone && this.#phase === 'streaming') {
      this.#end(replicationFailed('PostgreSQL ended the replication stream: it is shutting down.'));
    } else if (type === FRAME.ready && this.#phase === 'stopping') this.#end();
  }

  #refused(bytes: Buffer, body: { start: number; end: number }): unknown {
    const { code, message } = readServerError(bytes, body);
    return replicationFailed(`PostgreSQL ended the replication of slot ${this.#options.slot}: ${message}`, {
      detail: { sqlstate: code, slot: this.#options.slot },
    });
  }

  #send(replyRequested: boolean): void {
    const status = { ...this.#position.status(), now: new Date(), replyRequested };
    this.#stream?.write(standbyStatusMessage(status));
  }

  #end(error?: unknown): void {
    if (this.#phase === 'ended') return;
    const wasStopping = this.#phase === 'stopping';
    this.#phase = 'ended';
    // Asked to stop, it has stopped, however it came.
    if (error === undefined || wasStopping) this.#ended.resolve();
    else this.#ended.reject(error);
  }
}
