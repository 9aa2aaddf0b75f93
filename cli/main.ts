import { Command } from 'commander';
import { isMillraceError } from '../engine/errors.ts';
import { releaseParent } from './shutdown.ts';

/**
 * The verbs. Only the one that is run is loaded: it starts sooner, and a process that has nothing to do with Kafka holds
 * nothing of it.
 */
const verbs: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import('./commands/demo.ts')).demoCommand(),
  start: async () => (await import('./commands/start.ts')).startCommand(),
  migrate: async () => (await import('./commands/migrate.ts')).migrateCommand(),
  topics: async () => (await import('./commands/topics.ts')).topicsCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  outbox: async () => (await import('./commands/outbox.ts')).outboxCommand(),
  api: async () => (await import('./commands/api.ts')).apiCommand(),
  relay: async () => (await import('./commands/relay.ts')).relayCommand(),
  load: async () => (await import('./commands/load.ts')).loadCommand(),
  worker: async () => (await import('./commands/worker.ts')).workerCommand(),
};

const program = new Command('millrace')
  .description('Durable jobs and workflows on AWS Lambda, PostgreSQL and Kafka.')
  .showHelpAfterError('(run with --help for the options)');

const asked = process.argv[2] ?? '';
const needed = Object.hasOwn(verbs, asked) ? [verbs[asked]] : Object.values(verbs);
for (const load of needed) if (load) program.addCommand(await load());

try {
  await program.parseAsync();
} catch (error) {
  // What Millrace names is said in its own words; anything else is a fault of ours and comes with its stack.
  console.error(isMillraceError(error) ? `millrace: ${error.message}` : error);
  process.exitCode = 1;
  releaseParent();
}
