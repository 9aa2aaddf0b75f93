import { Command } from 'commander';
import { isMillraceError } from '../engine/errors.ts';
import { apiCommand } from './commands/api.ts';
import { demoCommand } from './commands/demo.ts';
import { migrateCommand } from './commands/migrate.ts';
import { relayCommand } from './commands/relay.ts';
import { startCommand } from './commands/start.ts';
import { topicsCommand } from './commands/topics.ts';
import { workerCommand } from './commands/worker.ts';

const program = new Command('millrace')
  .description('Durable jobs and workflows on AWS Lambda, PostgreSQL and Kafka.')
  .addCommand(demoCommand())
  .addCommand(startCommand())
  .addCommand(migrateCommand())
  .addCommand(topicsCommand())
  .addCommand(apiCommand())
  .addCommand(relayCommand())
  .addCommand(workerCommand())
  .showHelpAfterError('(run with --help for the options)');

try {
  await program.parseAsync();
} catch (error) {
  // What Millrace names is said in its own words; anything else is a fault of ours and comes with its stack.
  console.error(isMillraceError(error) ? `millrace: ${error.message}` : error);
  process.exitCode = 1;
}
