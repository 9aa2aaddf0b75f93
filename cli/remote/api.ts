import { readOptional, readString } from '../../adapters/env.ts';
import { type ErrorCode, errorCodes, MillraceError } from '../../engine/errors.ts';

const DEFAULT_URL = 'http://127.0.0.1:8080';
const TIMEOUT_MS = 30_000;

export interface Answer<T> {
  readonly value: T;
  /** The JSON it was: numbers beyond 2^53 are only here. */
  readonly text: string;
}

/** The HTTP API that the verbs speak to: `WE_API_URL`. */
export class RemoteApi {
  readonly #url: string;
  readonly #key = readOptional(process.env, 'WE_API_KEY');

  constructor(url = readString(process.env, 'WE_API_URL', DEFAULT_URL)) {
    this.#url = url.replace(/\/$/, '');
  }

  get<T>(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<Answer<T>> {
    const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return this.#request('GET', given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`);
  }

  /** @param body JSON text, or a value that becomes it */
  post<T>(path: string, body: unknown = {}): Promise<Answer<T>> {
    return this.#request('POST', path, typeof body === 'string' ? body : JSON.stringify(body));
  }

  patch<T>(path: string, body: unknown): Promise<Answer<T>> {
    return this.#request('PATCH', path, JSON.stringify(body));
  }

  async #request<T>(method: string, path: string, body?: string): Promise<Answer<T>> {
    const headers = {
      ...(this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const init = { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) };
    const sent = body === undefined ? init : { ...init, body };
    const answer = await fetch(this.#url + path, sent).catch((error: unknown) => {
      throw this.#unreachable(error);
    });
    const text = await answer.text().catch((error: unknown) => {
      throw this.#unreachable(error);
    });
    if (!answer.ok) throw this.#refused(answer.status, text);
    return { value: JSON.parse(text) as T, text };
  }

  #unreachable(cause: unknown): MillraceError {
    const reason = `The API at ${this.#url} does not answer. Start it (npm start, millrace api), or say with WE_API_URL where it is.`;
    return new MillraceError('unavailable', reason, { cause, retryable: true, detail: { api: this.#url } });
  }

  #refused(status: number, text: string): MillraceError {
    const problem = problemOf(text);
    const code = status >= 500 ? 'unavailable' : (problem.code ?? 'unavailable');
    const faults = (problem.errors ?? []).map(({ field, message }) => `\n  ${field} ${message}`).join('');
    const said =
      problem.detail ?? `It answered ${status}: is ${this.#url} a Millrace API? WE_API_URL says where it is.`;
    return new MillraceError(code, `${said}${faults}`, { detail: { api: this.#url } });
  }
}

interface Problem {
  readonly code?: ErrorCode;
  readonly detail?: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

function problemOf(text: string): Problem {
  try {
    const problem = JSON.parse(text) as Problem;
    return problem.code !== undefined && Object.hasOwn(errorCodes, problem.code) ? problem : {};
  } catch {
    return {};
  }
}
