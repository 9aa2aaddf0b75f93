import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Takes what a socket reads, in memory of its own. */
export interface Reader {
  /** Where the next bytes are to be written; at least one fits. */
  room(): Buffer;
  /** So many bytes now stand there. */
  filled(length: number): void;
  /** For bytes that stand elsewhere. */
  read(chunk: Buffer): void;
}

const LOGIN_BYTES = 16 * 1024;

/**
 * A socket that writes what it reads straight into a reader's memory. Whether a socket can do so is settled when it is made;
 * so until a reader takes over, during the login, everything goes the usual way, as `data`.
 */
export class Intake {
  readonly socket: Socket;
  readonly #login = Buffer.allocUnsafeSlow(LOGIN_BYTES);
  #reader: Reader | undefined;

  constructor() {
    this.socket = new Socket({
      onread: {
        buffer: () => this.#reader?.room() ?? this.#login,
        callback: (length, buffer) => {
          this.#take(length, buffer);
          return true;
        },
      },
    });
  }

  /** @param stream what is read: the socket, or TLS over it, which decrypts into memory of Node's */
  handTo(reader: Reader, stream: Duplex): void {
    if (stream === this.socket) this.#reader = reader;
    else stream.on('data', (chunk: Buffer) => reader.read(chunk));
  }

  #take(length: number, buffer: Uint8Array): void {
    if (buffer !== this.#login) this.#reader?.filled(length);
    else {
      // The first bytes for a reader still come here.
      const chunk = Buffer.from(buffer.subarray(0, length));
      if (this.#reader) this.#reader.read(chunk);
      else this.socket.push(chunk);
    }
  }
}
