import { type ErrorCode, errorCodes, MillraceError } from '../../engine/errors.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import { sdkClock } from './clock.ts';

export interface HttpOptions {
  /** Where the Millrace API is, for instance `http://127.0.0.1:8080`. */
  readonly apiUrl: string;
  /** Sent with every request, for instance the authorization the API's gateway asks for. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers that depend on the request and the moment, for instance a signature; asked for at each try. */
  readonly authorize?: Authorize;
  /** One try of one request, in milliseconds. */
  readonly requestTimeoutMs?: number;
  /** How long a request is repeated on network errors, 5xx and 429, in milliseconds. */
  readonly retryForMs?: number;
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  /** A number from 0 up to 1. */
  readonly random?: () => number;
}

export type Authorize = (request: {
  readonly url: string;
  readonly body: string;
}) => Promise<Record<string, string>>;

export type PostJson = (path: string, body: string, signal?: AbortSignal) => Promise<unknown>;

const BACKOFF = { baseMs: 50, maxMs: 2_000 } as const;

/** What one try came to: an answer, a reason to try again, or (thrown) a refusal that trying again will not change. */
type Try =
  | { readonly kind: 'answered'; readonly body: unknown }
  | { readonly kind: 'again'; readonly reason: string; readonly cause?: unknown };

/**
 * POSTs JSON until it is answered. Repeating is safe because every request it is used for is.
 * @throws MillraceError `unavailable` when the API cannot be reached in time or the signal aborts; for a refusal the code
 *   that the API gave, not retryable
 */
export function createPostJson(options: HttpOptions): PostJson {
  const base = apiBase(options.apiUrl);
  const { clock = sdkClock, random = Math.random, retryForMs = 30_000 } = options;
  return async (path, body, signal) => {
    const until = clock.now().getTime() + retryForMs;
    for (let tries = 1; ; tries += 1) {
      const outcome = await tryOnce(options, { url: `${base}${path}`, body, signal });
      if (outcome.kind === 'answered') return outcome.body;
      const pause = Math.min(BACKOFF.maxMs, BACKOFF.baseMs * 2 ** (tries - 1)) * (0.5 + random() / 2);
      if (signal?.aborted || clock.now().getTime() + pause > until) {
        throw unreachable(`${base}${path}`, { tries, ...outcome });
      }
      await clock.sleep(pause, signal);
    }
  };
}

function apiBase(apiUrl: string): string {
  if (!URL.canParse(apiUrl) || !/^https?:$/.test(new URL(apiUrl).protocol)) {
    throw new MillraceError(
      'configuration',
      `The address of the Millrace API is malformed: "${apiUrl}". Give an http or https URL in WE_API_URL (or apiUrl).`,
    );
  }
  return apiUrl.replace(/\/+$/, '');
}

interface Request {
  readonly url: string;
  readonly body: string;
  readonly signal: AbortSignal | undefined;
}

async function tryOnce(options: HttpOptions, { url, body, signal }: Request): Promise<Try> {
  const timeout = AbortSignal.timeout(options.requestTimeoutMs ?? 10_000);
  try {
    const response = await (options.fetch ?? fetch)(url, {
      method: 'POST',
      headers: {
        ...options.headers,
        ...(await options.authorize?.({ url, body })),
        'content-type': 'application/json',
      },
      body,
      signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
    });
    const text = await response.text();
    if (response.ok) return { kind: 'answered', body: JSON.parse(text) };
    if (response.status >= 500 || response.status === 429) {
      return { kind: 'again', reason: `it answered ${response.status} ${text.slice(0, 200)}` };
    }
    throw refusal(url, response.status, text);
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    return { kind: 'again', reason: describe(error), cause: error };
  }
}

/** A fetch that fails says only "fetch failed"; what happened is in its cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

function refusal(url: string, status: number, text: string): MillraceError {
  return new MillraceError(
    problemCode(text),
    `The Millrace API refused POST ${url} with ${status}: ${text.slice(0, 500)}. Check that worker and API are of the same version.`,
    { detail: { status } },
  );
}

/** The stable code of a problem+json body; `internal` for an answer that is none, for instance a proxy's page. */
function problemCode(text: string): ErrorCode {
  try {
    const body: unknown = JSON.parse(text);
    const code = typeof body === 'object' && body !== null && 'code' in body ? body.code : undefined;
    return typeof code === 'string' && isErrorCode(code) ? code : 'internal';
  } catch {
    return 'internal';
  }
}

function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text);
}

function unreachable(
  url: string,
  failure: { tries: number; reason: string; cause?: unknown },
): MillraceError {
  return new MillraceError(
    'unavailable',
    `The Millrace API at ${url} gave no answer in ${failure.tries} tries; last: ${failure.reason}. Check WE_API_URL and that the API runs.`,
    { retryable: true, cause: failure.cause, detail: { tries: failure.tries } },
  );
}
