/** What the API refused, or why it could not be asked. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  /** Of the table of problems, for instance `idempotency_conflict`; `unavailable` when nothing answered. */
  readonly code: string;
  /** 0 when nothing answered. */
  readonly status: number;
  /** The problem document. */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(status: number, problem: Readonly<Record<string, unknown>>, cause?: unknown) {
    super(String(problem['detail'] ?? `The API answered ${status}.`), { cause });
    this.status = status;
    this.code = String(problem['code'] ?? 'unavailable');
    this.problem = problem;
  }
}

export interface ClientOptions {
  /** Where the API is, for instance `http://127.0.0.1:8080`. */
  readonly url: string;
  /** A key of `millrace keys create`, or a token. Not for browsers: what a page holds, its visitors hold. */
  readonly key?: string;
  readonly fetch?: typeof fetch;
  /** How long one request is repeated while the API is away or busy, in milliseconds; 10 seconds unless given. */
  readonly retryForMs?: number;
  readonly signal?: AbortSignal;
}

export type Send = <T>(method: string, path: string, body?: unknown) => Promise<T>;

const TRY_MS = 10_000;
const PAUSE = { first: 100, longest: 2_000 } as const;

/** Every request is safe to repeat: reads are, and what writes carries an idempotency key or says the same twice. */
export function createSend(options: ClientOptions): Send {
  const base = options.url.replace(/\/+$/, '');
  return async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const until = Date.now() + (options.retryForMs ?? 10_000);
    for (let pause: number = PAUSE.first; ; pause = Math.min(PAUSE.longest, pause * 2)) {
      try {
        return await tryOnce<T>(options, { url: base + path, method, body });
      } catch (error) {
        const isOver = options.signal?.aborted || Date.now() + pause > until;
        if (isOver || !(error instanceof ClientError) || !isPassing(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random() / 2)));
      }
    }
  };
}

function isPassing({ status }: ClientError): boolean {
  return status === 0 || status === 429 || status === 502 || status === 503 || status === 504;
}

interface Request {
  readonly url: string;
  readonly method: string;
  readonly body: unknown;
}

async function tryOnce<T>(options: ClientOptions, { url, method, body }: Request): Promise<T> {
  const timeout = AbortSignal.timeout(TRY_MS);
  const init: RequestInit = {
    method,
    headers: {
      ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    signal: options.signal ? AbortSignal.any([timeout, options.signal]) : timeout,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  const answer = await (options.fetch ?? fetch)(url, init).catch((error: unknown) => {
    throw new ClientError(0, { detail: `${url} does not answer. Is the API running there?` }, error);
  });
  const text = await answer.text();
  if (answer.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
  throw new ClientError(answer.status, problemOf(text));
}

function problemOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return { detail: text.slice(0, 200) };
  }
}
