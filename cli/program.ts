import { Command, type CommanderError } from 'commander';

/**
 * The verbs. Only the one that is run is loaded: it starts sooner, and a process that has nothing to do with Kafka holds
 * nothing of it.
 */
const verbs: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import('./commands/demo.ts')).demoCommand(),
  start: async () => (await import('./commands/start.ts')).startCommand(),
  init: async () => (await import('./commands/init.ts')).initCommand(),
  migrate: async () => (await import('./commands/migrate.ts')).migrateCommand(),
  topics: async () => (await import('./commands/topics.ts')).topicsCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  outbox: async () => (await import('./commands/outbox.ts')).outboxCommand(),
  dispatch: async () => (await import('./commands/dispatch.ts')).dispatchCommand(),
  jobs: async () => (await import('./commands/jobs.ts')).jobsCommand(),
  workflows: async () => (await import('./commands/workflows.ts')).workflowsCommand(),
  dlq: async () => (await import('./commands/dlq.ts')).dlqCommand(),
  schedules: async () => (await import('./commands/schedules.ts')).schedulesCommand(),
  keys: async () => (await import('./commands/keys.ts')).keysCommand(),
  tenants: async () => (await import('./commands/tenants.ts')).tenantsCommand(),
  seed: async () => (await import('./commands/seed.ts')).seedCommand(),
  api: async () => (await import('./commands/api.ts')).apiCommand(),
  relay: async () => (await import('./commands/relay.ts')).relayCommand(),
  load: async () => (await import('./commands/load.ts')).loadCommand(),
  eventbus: async () => (await import('./commands/eventbus.ts')).eventbusCommand(),
  infra: async () => (await import('./commands/infra.ts')).infraCommand(),
  records: async () => (await import('./commands/records.ts')).recordsCommand(),
  timeouts: async () => (await import('./commands/timeouts.ts')).timeoutsCommand(),
  worker: async () => (await import('./commands/worker.ts')).workerCommand(),
  completion: async () => (await import('./commands/completion.ts')).completionCommand(),
};

const aliases: Readonly<Record<string, string>> = { dev: 'start' };

/** The whole command, or as much of it as the one verb needs. */
export async function createProgram(asked?: string): Promise<Command> {
  const program = new Command('millrace').description(
    'Durable jobs and workflows on AWS Lambda, PostgreSQL and Kafka.',
  );
  const verb = aliases[asked ?? ''] ?? asked ?? '';
  const needed = Object.hasOwn(verbs, verb) ? [verbs[verb]] : Object.values(verbs);
  for (const load of needed) if (load) program.addCommand(await load());
  for (const command of treeOf(program)) {
    command.showHelpAfterError('(run with --help for the options)').exitOverride(end);
  }
  return program;
}

export function treeOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(treeOf)];
}

/** What commander ends with by itself: help and version with 0, all else is a fault of the command line. */
function end({ exitCode }: CommanderError): never {
  process.exit(exitCode === 0 ? 0 : 2);
}
