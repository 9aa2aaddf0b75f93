/** What the server said no to, in its own words. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type Query = Readonly<Record<string, string | undefined>>;

export function pathWith(path: string, query: Query): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

/** @throws Refused */
export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return request<T>(path, { method: 'GET', ...(signal && { signal }) });
}

/** @throws Refused */
export function send<T>(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T> {
  return request<T>(path, {
    method,
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
}

async function request<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(path, init).catch((error: unknown) => {
    if (init.signal?.aborted) throw error;
    throw new Refused(0, 'The API does not answer. Is it running? It is tried again.');
  });
  const text = await response.text();
  if (!response.ok)
    throw new Refused(response.status, reasonOf(text) ?? `The API answered ${response.status}.`);
  return (text === '' ? undefined : parse(text)) as T;
}

type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;
/** In every browser of the last two years, and not yet in the types of the language. */
const exact: { rawJSON?: (text: string) => unknown; parse(text: string, reviver: Reviver): unknown } = JSON;

/** A number that JavaScript would round is kept as it was written: payloads are shown to the last digit. */
function parse(text: string): unknown {
  return exact.parse(text, (_key, value, { source } = {}) =>
    typeof value === 'number' && exact.rawJSON && source !== undefined && source !== String(value)
      ? exact.rawJSON(source)
      : value,
  );
}

/** Of a problem document. */
function reasonOf(text: string): string | undefined {
  try {
    const problem = JSON.parse(text) as { detail?: unknown; title?: unknown };
    return String(problem.detail ?? problem.title ?? '') || undefined;
  } catch {
    return undefined;
  }
}
