import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { systemClock } from '../../adapters/system/clock.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { type Shown, show } from '../remote/output.ts';
import { aborted, shutdownSignal } from '../shutdown.ts';

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

async function run(path: string): Promise<void> {
  const { PipelineRuntime } = await import('../pipelines/runtime.ts');
  const signal = shutdownSignal();
  const deps = { env: process.env, clock: systemClock, logger: createJsonLogger() };
  const runtime = await PipelineRuntime.start(await load(path), deps);
  console.log('ready');
  await aborted(signal);
  await runtime.stop();
}
