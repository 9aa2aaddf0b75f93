import { Command } from 'commander';
import { readEventBus } from '../../adapters/event-bus-config.ts';
import { MillraceError } from '../../engine/errors.ts';
import { type StepBacklog, withDispatchBacklog } from '../dispatch-backlog.ts';
import { type Shown, show, table } from '../remote/output.ts';
import { type DrainOptions, waitUntilEmpty } from '../wait-until-empty.ts';

interface Waits {
  readonly bus: string;
  readonly steps: readonly StepBacklog[];
}

export function dispatchCommand(): Command {
  return new Command('dispatch')
    .description('the jobs that wait for workers in the broker that WE_EVENT_BUS names, Kafka unless set')
    .addCommand(
      new Command('status')
        .description('how many messages of each step its workers have not settled')
        .option('--json', 'machine-readable output')
        .action(status),
    )
    .addCommand(
      new Command('drain')
        .description(
          'wait until there are none, before the workers on a broker that is left are stopped; exits 1 when some are left',
        )
        .option('--timeout <duration>', 'how long to wait: 500ms, 30s, 5m', '5m')
        .option('--json', 'machine-readable output')
        .action(drain),
    );
}

async function status(options: Shown): Promise<void> {
  await withWaits(async (look) => {
    const found = await look();
    show(options, JSON.stringify(found), () =>
      table(
        ['STEP', 'WAITING', 'WORKERS'],
        found.steps.map(({ step, messages, hasWorkers }) => [step, messages, hasWorkers ? 'yes' : 'never']),
      ),
    );
  });
}

async function drain(options: DrainOptions): Promise<void> {
  await withWaits((look) => waitUntilEmpty({ look, isEmpty, sentence, left: notDrained }, options));
}

async function withWaits(use: (look: () => Promise<Waits>) => Promise<void>): Promise<void> {
  const bus = readEventBus(process.env);
  await withDispatchBacklog(bus, (look) => use(async () => ({ bus, steps: await look() })));
}

function isEmpty({ steps }: Waits): boolean {
  return steps.every(({ messages }) => messages === 0);
}

function sentence({ bus, steps }: Waits): string {
  const waiting = steps.filter(({ messages }) => messages > 0);
  if (waiting.length === 0) return `nothing waits in ${bus}`;
  return `in ${bus} wait ${waiting.map(({ step, messages }) => `${messages} of ${step}`).join(', ')}`;
}

function notDrained(found: Waits, timeout: string): MillraceError {
  return new MillraceError(
    'unavailable',
    `After ${timeout} there still is what was dispatched: ${sentence(found)}. Check that workers of these steps run on ` +
      `${found.bus}, and that no relay publishes to it any more; then drain again.`,
    { retryable: true },
  );
}
