import { resolve } from 'node:path';
import { Command } from 'commander';
import { readChoice, readInteger } from '../../adapters/env.ts';
import { dispatchModes } from '../../engine/deps.ts';
import { MillraceError } from '../../engine/errors.ts';
import { removeDevState, runningDev, writeDevState } from '../dev/dev-state.ts';
import { emptyStack } from '../dev/empty-stack.ts';
import { portOrFree } from '../dev/port-or-free.ts';
import type { Stack, StackOptions } from '../dev/stack-parts.ts';
import { loadServiceConfig, stepIds } from '../service-config.ts';
import { aborted, releaseParent, shutdownSignal } from '../shutdown.ts';

export function startCommand(): Command {
  return new Command('start')
    .alias('dev')
    .description(
      'run the whole stack on this machine until Ctrl-C: PostgreSQL, Kafka, API, relay, worker; with WE_DISPATCH_MODE=polling PostgreSQL, API, worker',
    )
    .option('--fresh', 'empty the data directory first')
    .action(start);
}

async function start({ fresh = false }: { fresh?: boolean }): Promise<void> {
  const directory = resolve('.millrace', 'dev');
  const statePath = resolve('.millrace', 'dev.json');
  const other = await runningDev(statePath);
  if (other !== undefined) {
    throw new MillraceError(
      'configuration',
      `The stack already runs here (process ${other}). Stop it with Ctrl-C or: kill ${other}`,
    );
  }
  await removeDevState(statePath);
  if (fresh) await emptyStack(directory, (line) => console.log(line));

  const signal = shutdownSignal();
  const types = stepIds(await loadServiceConfig());
  const stack = await startMode({
    directory,
    types,
    httpPort: await portOrFree(
      readInteger(process.env, 'WE_HTTP_PORT', { fallback: 8080, min: 0, max: 65_535 }),
    ),
    metricsPort: await portOrFree(
      readInteger(process.env, 'WE_METRICS_PORT', { fallback: 9091, min: 0, max: 65_535 }),
    ),
    onProgress: (line) => console.log(line),
    signal,
  });
  try {
    await writeDevState(statePath, stateOf(stack));
    printReady(stack);
    await Promise.race([aborted(signal), firstEnd(stack, signal)]);
  } finally {
    console.log('stopping …');
    await removeDevState(statePath);
    await stack.stop();
    releaseParent();
  }
  console.log('stopped');
}

/** Kafka unless told otherwise: here somebody wants to see all of it. What is not started is not loaded. */
async function startMode(options: StackOptions): Promise<Stack> {
  const mode = readChoice(process.env, 'WE_DISPATCH_MODE', dispatchModes, 'kafka_outbox');
  if (mode === 'polling') return (await import('../dev/polling-stack.ts')).startPollingStack(options);
  return (await import('../dev/stack.ts')).startStack(options);
}

function stateOf(stack: Stack) {
  const kafkaPids = (stack.kafka?.pids ?? []).map((pid, index) => [
    index === 0 ? 'kafka' : `kafka-${index}`,
    pid,
  ]);
  return {
    apiUrl: stack.apiUrl,
    uiUrl: `${stack.apiUrl}/ui`,
    metricsUrl: stack.metricsUrl,
    postgresUrl: stack.postgres.dsn,
    kafkaBrokers: stack.kafka?.brokers ?? [],
    pids: {
      dev: process.pid,
      ...Object.fromEntries(stack.children.map(({ name, pid }) => [name, pid])),
      ...(stack.postgres.pid === undefined ? {} : { postgres: stack.postgres.pid }),
      ...Object.fromEntries(kafkaPids),
    },
  };
}

function printReady(stack: Stack): void {
  const { uiUrl, metricsUrl, postgresUrl, kafkaBrokers, apiUrl } = stateOf(stack);
  console.log(`
ready
  api       ${apiUrl}
  ui        ${uiUrl}
  docs      ${apiUrl}/docs
  metrics   ${metricsUrl}
  postgres  ${postgresUrl}${kafkaBrokers.length === 0 ? '' : `\n  kafka     ${kafkaBrokers.join(',')}`}

Try:
  curl -s ${apiUrl}/api/v1/jobs -H 'content-type: application/json' -d '{"type":"send-email","payload":{"to":"ada@example.org"}}'
Ctrl-C stops everything; the data stays for the next start (npm start -- --fresh empties it).`);
}

/** A stack with a part missing is not worth keeping: the loss is said, and everything stops. */
async function firstEnd(stack: Stack, signal: AbortSignal): Promise<void> {
  const [name, how] = await Promise.race(
    stack.children.map(async (child) => [child.name, await child.ended] as const),
  );
  if (signal.aborted) return;
  throw new MillraceError(
    'unavailable',
    `The ${name} process ${how}. Its log is .millrace/dev/logs/${name}.log`,
  );
}
