import { Command, InvalidArgumentError } from 'commander';
import { readDuration } from '../../adapters/env.ts';
import { type AccessStore, createAccessStore, type StoredKey } from '../../adapters/postgres/access.ts';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { MillraceError } from '../../engine/errors.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { mintKey } from '../../functions/auth/api-key.ts';
import { isScope, isTenant, type Scope, scopeNames } from '../../functions/auth/scopes.ts';
import { whole } from '../remote/options.ts';
import { show, table } from '../remote/output.ts';

export function keysCommand(): Command {
  return new Command('keys')
    .description('make, list, rotate and revoke the keys of the API (WE_POSTGRES_DSN)')
    .addCommand(createCommand())
    .addCommand(keysVerb('list', 'list the keys; none of them can be shown again').action(list))
    .addCommand(
      keysVerb('rotate', 'make a new key with the same name, tenant and scopes, and let the old one end')
        .argument('<id>', 'of the old key')
        .option('--overlap <duration>', 'how long the old key is still let in: 0s, 1h, 7d', '1h')
        .action(rotate),
    )
    .addCommand(
      keysVerb('revoke', 'take a key back; it is let in for at most 30 s more')
        .argument('<id>', 'of the key')
        .action(revoke),
    );
}

function keysVerb(name: string, description: string): Command {
  return new Command(name).description(description).option('--json', 'machine-readable output');
}

function createCommand(): Command {
  return keysVerb('create', 'make a key, and show it this once')
    .argument('<name>', 'whose it is, for the audit trail')
    .requiredOption('--scope <scopes...>', `of ${scopeNames.join(', ')}; admin is all of them`, scope)
    .option('--expires-in <duration>', 'how long it is let in: 12h, 90d; for ever unless given')
    .option('--tenant <name>', 'whose rows alone it sees and writes; all of them unless given', tenant)
    .option('--rate <number>', 'requests a second, of each process of the API', whole)
    .addHelpText(
      'after',
      '\nExamples:\n  millrace keys create shop --scope enqueue read --expires-in 90d\n  millrace keys create workers --scope work\n  millrace keys create acme --scope enqueue read --tenant acme',
    )
    .action(create);
}

function scope(text: string, before: Scope[] = []): Scope[] {
  if (!isScope(text)) throw new InvalidArgumentError(`It must be one of ${scopeNames.join(', ')}.`);
  return [...before, text];
}

function tenant(text: string): string {
  if (isTenant(text)) return text;
  throw new InvalidArgumentError('It must be 1 to 100 letters, digits, dots, dashes and underscores.');
}

interface Create {
  readonly json?: boolean;
  readonly scope: readonly Scope[];
  readonly expiresIn?: string;
  readonly rate?: number;
  readonly tenant?: string;
}

function create(name: string, options: Create): Promise<void> {
  return withStore(async (store) => {
    const { scope: scopes, rate, tenant } = options;
    const lasts = options.expiresIn;
    const expiresAt =
      lasts === undefined
        ? undefined
        : new Date(Date.now() + readDuration({ '--expires-in': lasts }, '--expires-in'));
    const { id, key, hash } = mintKey();
    await store.addKey({ id, name, hash, scopes, ratePerSecond: rate, expiresAt, tenant });
    print(options, { id, key });
  });
}

function rotate(id: string, options: { readonly json?: boolean; readonly overlap: string }): Promise<void> {
  return withStore(async (store) => {
    const overlapMs = readDuration({ '--overlap': options.overlap }, '--overlap');
    const old = await store.findKey(id);
    if (!old || old.revoked_at !== null) throw noKey(id);
    const { key, hash, ...minted } = mintKey();
    const { name, scopes } = old;
    // Never with more than the old one had.
    const ratePerSecond = old.rate_per_second ?? undefined;
    await store.addKey({ ...minted, name, hash, scopes, ratePerSecond, tenant: old.tenant ?? undefined });
    await store.endKey(id, overlapMs);
    print(options, { id: minted.id, key });
  });
}

function revoke(id: string, options: { readonly json?: boolean }): Promise<void> {
  return withStore(async (store) => {
    if (!(await store.endKey(id, 0))) throw noKey(id);
    show(options, JSON.stringify({ id, revoked: true }), () => `${id} is revoked`);
  });
}

function list(options: { readonly json?: boolean }): Promise<void> {
  return withStore(async (store) => {
    const keys = (await store.listKeys()).map(({ hash: _hash, ...shown }) => shown);
    show(options, JSON.stringify({ keys }), () =>
      table(
        ['ID', 'NAME', 'TENANT', 'SCOPES', 'STATUS', 'CREATED', 'EXPIRES'],
        keys.map((key) => [
          key.id,
          key.name,
          key.tenant,
          key.scopes.join(' '),
          statusOf(key),
          key.created_at.toISOString(),
          key.expires_at?.toISOString() ?? null,
        ]),
      ),
    );
  });
}

function statusOf({ revoked_at, expires_at }: Omit<StoredKey, 'hash'>): string {
  if (revoked_at !== null) return 'revoked';
  return expires_at !== null && expires_at.getTime() <= Date.now() ? 'expired' : 'active';
}

/** The key alone goes to the output, so that a script can take it; what a person should know goes beside it. */
function print(options: { readonly json?: boolean }, minted: { id: string; key: string }): void {
  show(options, JSON.stringify(minted), () => minted.key);
  if (!options.json) console.error(`key ${minted.id}: keep it now, it is not shown again`);
}

function noKey(id: string): MillraceError {
  return new MillraceError(
    'not_found',
    `There is no key ${id} that is let in. millrace keys list shows them.`,
  );
}

async function withStore(use: (store: AccessStore) => Promise<void>): Promise<void> {
  const pool = createPool(readPostgresConfig(process.env, { poolSize: 1 }), silentLogger);
  try {
    await use(createAccessStore(pool));
  } finally {
    await pool.end();
  }
}
