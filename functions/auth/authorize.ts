import type { Clock } from '../../engine/ports/clock.ts';
import type { Authenticator, Credentials } from './authenticator.ts';
import { Rates } from './rates.ts';
import { crossSite, forbidden, notForTenants, tooMany, unauthorized } from './refusals.ts';
import { allows, isScope, type Principal, type Scope } from './scopes.ts';

/** What a request tells of its sender. */
export interface Caller {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly cookies?: readonly string[];
  readonly requestContext: { readonly http: { readonly method: string } };
}

/**
 * Who sent the request and may; throws for one who may not. Undefined where nobody is asked. One who belongs to a tenant is
 * refused, unless `forTenants` says that what he asks for is held to his rows.
 */
export type Authorize = (event: Caller, scope: Scope, forTenants?: boolean) => Promise<Principal | undefined>;

export const SESSION_COOKIE = 'millrace_session';

/** @throws MillraceError `unauthorized`, `forbidden` or `too_many_requests` */
export function createAuthorize(authenticator: Authenticator | undefined, clock: Clock): Authorize {
  const rates = new Rates(clock);
  return async (event, scope, forTenants = false) => {
    const principal = authenticator
      ? await authenticator.principalOf(credentialsOf(event))
      : ofGateway(event);
    if (!principal) {
      if (authenticator) throw unauthorized();
      return undefined;
    }
    if (!allows(principal, scope)) throw forbidden(scope);
    if (principal.tenant !== undefined && !forTenants) throw notForTenants(principal.tenant);
    if (principal.isBrowser && isFromElsewhere(event)) throw crossSite();
    if (!rates.take(principal)) throw tooMany(principal.ratePerSecond ?? 0);
    return principal;
  };
}

export function credentialsOf({ headers, cookies }: Pick<Caller, 'headers' | 'cookies'>): Credentials {
  const bearer = /^Bearer (\S+)$/i.exec(headers['authorization'] ?? '')?.[1];
  const prefix = `${SESSION_COOKIE}=`;
  const cookie = cookies?.find((one) => one.startsWith(prefix))?.slice(prefix.length);
  return { bearer, session: cookie };
}

/** What the Lambda authorizer before us found. Only API Gateway can write it there. */
function ofGateway({ requestContext }: Caller): Principal | undefined {
  const { authorizer } = requestContext as {
    authorizer?: { lambda?: { key?: unknown; scopes?: unknown } | null };
  };
  const { key, scopes } = authorizer?.lambda ?? {};
  if (typeof scopes !== 'string') return undefined;
  return { name: `key:${String(key)}`, scopes: new Set(scopes.split(' ').filter(isScope)) };
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A page of another site can make a browser send a request, but not with these headers as the UI's own pages have them. */
function isFromElsewhere({ headers, requestContext }: Caller): boolean {
  if (SAFE.has(requestContext.http.method)) return false;
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin';
  const origin = headers['origin'] ?? '';
  return !URL.canParse(origin) || new URL(origin).host !== headers['host'];
}
