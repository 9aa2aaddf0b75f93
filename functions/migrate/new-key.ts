import { createAccessStore } from '../../adapters/postgres/access.ts';
import type { PostgresLogin } from '../../adapters/postgres/connection.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { MillraceError } from '../../engine/errors.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { mintKey } from '../auth/api-key.ts';
import { isScope, isTenant, type Scope, scopeNames } from '../auth/scopes.ts';
import type { KeyRequest, NewKey } from './key-request.ts';

/** @throws MillraceError `invalid_request` for a request that is malformed */
export async function createKey({ createKey: asked }: KeyRequest, login: PostgresLogin): Promise<NewKey> {
  const { name, scopes, tenant } = parse(asked);
  const { id, key, hash } = mintKey();
  const pool = createPool({ ...login, poolSize: 1 }, silentLogger);
  try {
    const none = { ratePerSecond: undefined, expiresAt: undefined, tenant };
    await createAccessStore(pool).addKey({ id, name, hash, scopes, ...none });
  } finally {
    await pool.end();
  }
  return { id, key };
}

interface Parsed {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly tenant: string | undefined;
}

function parse(asked: unknown): Parsed {
  if (typeof asked === 'object' && asked !== null && 'name' in asked && 'scopes' in asked) {
    const { name, scopes } = asked;
    const known = Array.isArray(scopes)
      ? scopes.filter((one) => typeof one === 'string' && isScope(one))
      : [];
    const isWhole = Array.isArray(scopes) && known.length > 0 && known.length === scopes.length;
    const tenant = 'tenant' in asked ? asked.tenant : undefined;
    const isOwned = tenant === undefined || (typeof tenant === 'string' && isTenant(tenant));
    if (typeof name === 'string' && /^\S{1,100}$/.test(name) && isWhole && isOwned)
      return { name, scopes: known, tenant };
  }
  throw new MillraceError(
    'invalid_request',
    `createKey is malformed: it must be {"name":"ops","scopes":["admin"]}, a name without spaces and scopes of ${scopeNames.join(', ')}, ` +
      'and perhaps a tenant of letters, digits, dots, dashes and underscores.',
  );
}
