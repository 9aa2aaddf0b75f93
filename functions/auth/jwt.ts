import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { isScope, isTenant, type Principal } from './scopes.ts';

export interface JwtConfig {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  /** Which claim says whose the caller is. With it, a token without it is not good: the operator's callers have keys. */
  readonly tenantClaim?: string | undefined;
}

/** Only signatures by a key pair: with HMAC in the list, a public key could be passed off as the secret. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];

/** Undefined for a token that is not good, whatever the reason: the caller learns no more than that. */
export type JwtVerifier = (token: string) => Promise<{ principal: Principal; until: Date } | undefined>;

/** Tokens of one issuer for one audience, by the keys that the issuer publishes. The library is read at the first token. */
export function createJwtVerifier(config: JwtConfig): JwtVerifier {
  let keys: JWTVerifyGetKey | undefined;
  return async (token) => {
    const { createRemoteJWKSet, errors, jwtVerify } = await import('jose');
    keys ??= createRemoteJWKSet(new URL(config.jwksUrl));
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: config.issuer,
        audience: config.audience,
        algorithms: ALGORITHMS,
        requiredClaims: ['exp', 'sub'],
        clockTolerance: 5,
      });
      const tenant = tenantOf(payload, config.tenantClaim);
      if (tenant === null) return undefined;
      const principal = { ...principalOf(payload), tenant };
      return { principal, until: new Date((payload.exp ?? 0) * 1000) };
    } catch (error) {
      // Anything else is a fault of ours or of the issuer's server, and no judgement of the token.
      if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) return undefined;
      throw error;
    }
  };
}

/** Null for a token that should name a tenant and does not. */
function tenantOf(payload: JWTPayload, claim: string | undefined): string | null | undefined {
  if (claim === undefined) return undefined;
  const name = Object.hasOwn(payload, claim) ? payload[claim] : undefined;
  return typeof name === 'string' && isTenant(name) ? name : null;
}

const PREFIX = 'millrace:';

/** `scope: "millrace:read millrace:enqueue"`, or `scp` as a list. */
function principalOf({ sub, scope, scp }: JWTPayload & { scope?: unknown; scp?: unknown }): Principal {
  const given = [scope, scp].flatMap((claim) =>
    typeof claim === 'string' ? claim.split(' ') : (claim ?? []),
  );
  const held = given.flatMap((entry) =>
    typeof entry === 'string' && entry.startsWith(PREFIX) && isScope(entry.slice(PREFIX.length))
      ? [entry.slice(PREFIX.length)]
      : [],
  );
  return { name: `jwt:${sub ?? ''}`.slice(0, 200), scopes: new Set(held.filter(isScope)) };
}
