import { type Environment, readChoice, readOptional, readString } from '../../adapters/env.ts';
import type { JwtConfig } from './jwt.ts';

export interface AuthConfig {
  /** `off`: nobody is asked, or the gateway before this has. */
  readonly auth: 'off' | 'keys';
  /** Tokens that are taken besides keys. */
  readonly jwt: JwtConfig | undefined;
}

export function readAuthConfig(env: Environment): AuthConfig {
  const auth = readChoice(env, 'WE_AUTH', ['off', 'keys'], 'off');
  const issuer = readOptional(env, 'WE_JWT_ISSUER');
  if (issuer === undefined) return { auth, jwt: undefined };
  const audience = readString(env, 'WE_JWT_AUDIENCE');
  const jwksUrl = readString(env, 'WE_JWT_JWKS_URL', `${issuer.replace(/\/$/, '')}/.well-known/jwks.json`);
  const tenantClaim = readOptional(env, 'WE_JWT_TENANT_CLAIM');
  return { auth, jwt: { issuer, audience, jwksUrl, tenantClaim } };
}
