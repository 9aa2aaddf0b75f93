import { Command } from 'commander';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { migrate, migrationStatus } from '../../adapters/postgres/migrate.ts';
import { recordDispatchMode } from '../record-dispatch-mode.ts';

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('apply the database migrations, or show which are applied')
    .addCommand(
      new Command('up')
        .description('apply all migrations that are not applied yet (WE_POSTGRES_DSN)')
        .option('--json', 'machine-readable output')
        .action(up),
    )
    .addCommand(
      new Command('status')
        .description('list applied and pending migrations, changing nothing')
        .option('--json', 'machine-readable output')
        .action(status),
    );
}

async function up(options: { json?: boolean }): Promise<void> {
  const login = readPostgresConfig(process.env, { poolSize: 1 });
  const onProgress = options.json ? undefined : (line: string) => console.log(line);
  const { applied } = await migrate({ ...login, ...(onProgress ? { onProgress } : {}) });
  await recordDispatchMode();
  if (options.json) console.log(JSON.stringify({ applied }));
  else if (applied.length === 0) console.log('nothing to do: all migrations are applied');
}

async function status(options: { json?: boolean }): Promise<void> {
  const login = readPostgresConfig(process.env, { poolSize: 1 });
  const { applied, pending } = await migrationStatus(login);
  if (options.json) {
    console.log(JSON.stringify({ applied, pending }));
    return;
  }
  for (const name of applied) console.log(`applied  ${name}`);
  for (const name of pending) console.log(`pending  ${name}`);
}
