import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { systemClock } from '../../adapters/system/clock.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { MillraceError } from '../../engine/errors.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import type { ConsumerBacklog } from '../pipelines/consumers.ts';
import { type Shown, show, table } from '../remote/output.ts';
import { aborted, shutdownSignal } from '../shutdown.ts';
import { type DrainOptions, waitUntilEmpty } from '../wait-until-empty.ts';

export function eventbusCommand(): Command {
  return new Command('eventbus')
    .description('run pipelines on an event bus, as a YAML file describes them')
    .addCommand(
      new Command('check')
        .description('read a pipeline file, and say what is wrong with it, with its lines')
        .argument('<file>', 'YAML')
        .option('--json', 'machine-readable output')
        .action(check),
    )
    .addCommand(
      new Command('run')
        .description(
          'open its brokers, declare its streams and consumers, and run its triggers until stopped',
        )
        .argument('<file>', 'YAML')
        .action(run),
    )
    .addCommand(
      new Command('status')
        .description('how many messages each consumer of a pipeline file has yet to be done with')
        .argument('<file>', 'YAML')
        .option('--json', 'machine-readable output')
        .action(status),
    )
    .addCommand(
      new Command('drain')
        .description(
          'wait until its consumers are done with all, before those on a bus that is left are stopped; exits 1 when some are left',
        )
        .argument('<file>', 'YAML')
        .option('--timeout <duration>', 'how long to wait: 500ms, 30s, 5m', '5m')
        .option('--json', 'machine-readable output')
        .action(drain),
    );
}

async function check(path: string, options: Shown): Promise<void> {
  const { modules, pipelines } = await load(path);
  const found = { modules: modules.length, pipelines: Object.keys(pipelines) };
  show(
    options,
    JSON.stringify(found),
    () => `${path}: ${found.modules} modules, ${found.pipelines.length} pipelines`,
  );
}

async function load(path: string) {
  const { readDocument } = await import('../pipelines/document.ts');
  const { pipelineFileSchema } = await import('../pipelines/schema.ts');
  const text = await readFile(path, 'utf8');
  return readDocument(text, { file: path, env: process.env, schema: pipelineFileSchema });
}

interface Waits {
  readonly consumers: readonly ConsumerBacklog[];
}

async function status(path: string, options: Shown): Promise<void> {
  await withWaits(path, async (look) => {
    const found = await look();
    show(options, JSON.stringify(found), () =>
      table(
        ['STREAM', 'CONSUMER', 'BROKER', 'WAITING'],
        found.consumers.map(({ stream, name, broker, messages }) => [stream, name, broker ?? null, messages]),
      ),
    );
  });
}

async function drain(path: string, options: DrainOptions): Promise<void> {
  await withWaits(path, (look) => waitUntilEmpty({ look, isEmpty, sentence, left: notDrained }, options));
}

async function withWaits(path: string, use: (look: () => Promise<Waits>) => Promise<void>): Promise<void> {
  const { withBacklogs } = await import('../pipelines/consumers.ts');
  const deps = { env: process.env, clock: systemClock, logger: silentLogger };
  await withBacklogs(await load(path), deps, (look) => use(async () => ({ consumers: await look() })));
}

function isEmpty({ consumers }: Waits): boolean {
  return consumers.every(({ messages }) => messages === 0);
}

function sentence({ consumers }: Waits): string {
  const waiting = consumers.filter(({ messages }) => messages > 0);
  if (waiting.length === 0) return 'nothing waits';
  return `there wait ${waiting.map(({ stream, name, messages }) => `${messages} for ${name} in ${stream}`).join(', ')}`;
}

function notDrained(found: Waits, timeout: string): MillraceError {
  return new MillraceError(
    'unavailable',
    `After ${timeout} not all is done: ${sentence(found)}. Check that these consumers run, and that nothing publishes to their ` +
      'streams any more; then drain again.',
    { retryable: true },
  );
}

async function run(path: string): Promise<void> {
  const { PipelineRuntime } = await import('../pipelines/runtime.ts');
  const signal = shutdownSignal();
  const deps = { env: process.env, clock: systemClock, logger: createJsonLogger() };
  const runtime = await PipelineRuntime.start(await load(path), deps);
  console.log('ready');
  await aborted(signal);
  await runtime.stop();
}
