import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { MillraceError } from '../../../engine/errors.ts';

/** An answer that is lost, or a 5xx, is asked for again after these, in milliseconds: jobs have an idempotency key. */
const PAUSES_MS = [50, 100, 150, 1_000, 5_000] as const;

/** The HTTP API of the system under load, over connections that are kept. */
export class LoadApi implements Disposable {
  readonly #url: string;
  readonly #agent: Agent;
  readonly #signal: AbortSignal;
  /** Requests that were sent again. */
  retries = 0;

  constructor(url: string, options: { readonly connections: number; readonly signal: AbortSignal }) {
    this.#url = url.replace(/\/$/, '');
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.connections });
    this.#signal = options.signal;
  }

  async get(path: string): Promise<unknown> {
    return JSON.parse(await this.text(path));
  }

  text(path: string): Promise<string> {
    return this.#persist('GET', path);
  }

  async post(path: string, body: unknown): Promise<unknown> {
    return JSON.parse(await this.#persist('POST', path, JSON.stringify(body)));
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #persist(method: string, path: string, body?: string): Promise<string> {
    for (let tries = 0; ; tries += 1) {
      const pause = PAUSES_MS[tries];
      const answer = await this.#send(method, path, body).catch((error: unknown) => ({
        status: 599,
        text: String(error),
      }));
      if (answer.status < 300) return answer.text;
      this.#signal.throwIfAborted();
      if (answer.status < 500 || pause === undefined) throw refused(`${method} ${this.#url}${path}`, answer);
      this.retries += 1;
      await delay(pause, undefined, { signal: this.#signal });
    }
  }

  #send(method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const options = { method, headers, agent: this.#agent, signal: this.#signal };
      const outgoing = request(this.#url + path, options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}

function refused(what: string, { status, text }: { status: number; text: string }): MillraceError {
  const answer = status === 599 ? `did not answer (${text})` : `answered ${status}: ${text.slice(0, 500)}`;
  return new MillraceError(
    'unavailable',
    `${what} ${answer}. Is the API running there? --url says where it is.`,
  );
}
