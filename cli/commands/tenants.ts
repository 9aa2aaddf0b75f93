import { Command } from 'commander';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { provisionTenants } from '../../adapters/postgres/provision-tenants.ts';
import { show } from '../remote/output.ts';

export function tenantsCommand(): Command {
  return new Command('tenants')
    .description('keep the rows of tenants apart, by PostgreSQL itself')
    .addCommand(
      new Command('enable')
        .description(
          'make the role of tenants and its policies; run it as the owner of the tables (WE_POSTGRES_DSN), once',
        )
        .option(
          '--app-role <roles...>',
          'each role that the API logs in with, where that is not the owner',
          [],
        )
        .option('--json', 'machine-readable output')
        .addHelpText(
          'after',
          '\nExamples:\n  millrace tenants enable --app-role millrace_app\n  millrace keys create acme --scope enqueue read --tenant acme',
        )
        .action(enable),
    );
}

async function enable(options: {
  readonly appRole: readonly string[];
  readonly json?: boolean;
}): Promise<void> {
  await provisionTenants(readPostgresConfig(process.env, { poolSize: 1 }), options.appRole);
  show(options, JSON.stringify({ enabled: true, app_roles: options.appRole }), () =>
    ['tenants are kept apart', ...options.appRole.map((role) => `${role} may ask for them`)].join('\n'),
  );
}
