/** What a key may do. `docs/guide/security.md` is made from this. */
export const scopes = {
  enqueue: 'Enqueue jobs, start workflows, signal them and complete their user tasks.',
  work: 'Claim, poll, heartbeat, complete and fail jobs. Completing takes the token of the attempt besides.',
  read: 'Every GET: jobs, workflows, schedules, the relay, metrics. Payloads and results are among it.',
  admin: 'Everything: also cancel, retry, redrive, pause, definitions and schedules.',
} as const;

export type Scope = keyof typeof scopes;
/** What a route asks for; `public` asks for nothing. */
export type Access = Scope | 'public';

export const scopeNames = Object.keys(scopes) as Scope[];

/** Who sent a request. */
export interface Principal {
  /** For the audit trail: `key:deploy`, `jwt:ada`. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Whose rows alone it sees and writes; undefined: the operator, who sees all. */
  readonly tenant?: string | undefined;
  /** Requests a second of this process. */
  readonly ratePerSecond?: number | undefined;
  /** Came with a cookie, which a browser sends by itself: what it asks for may be another site's wish. */
  readonly isBrowser?: true;
}

export function isScope(text: string): text is Scope {
  return Object.hasOwn(scopes, text);
}

/** What a tenant may be called. */
export function isTenant(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,100}$/.test(name);
}

export function allows({ scopes: held }: Principal, scope: Scope): boolean {
  return held.has(scope) || held.has('admin');
}
