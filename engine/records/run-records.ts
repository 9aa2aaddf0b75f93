import { MillraceError } from '../errors.ts';
import { WakeLatch } from '../ports/wakeups.ts';
import { checkRecordWorkflow } from './check-record-workflow.ts';
import { ensureRecordStream, publishRecords } from './outbox-publisher.ts';
import type { RecordParts } from './record-parts.ts';
import { fireWhileHolder } from './record-timeouts.ts';
import { type RecordWorkflow, recordDefaults } from './record-workflow.ts';
import { consumerOf, StepWorker } from './step-worker.ts';

/** How long a step under way is let go on when the process must end. */
const GRACE_MS = 20_000;

/**
 * Works on the runs of these workflows: publishes their events, does their steps, fires their timeouts, until the signal. Any
 * number of processes may do so; what only one of them should do at a time, the holder of a role does.
 *
 * @param onReady its consumers are there: nothing that is stored from now on can be missed
 * @throws MillraceError `configuration` for workflows that cannot be run
 */
export async function runRecords(
  workflows: readonly RecordWorkflow[],
  parts: RecordParts,
  { signal, onReady }: { readonly signal: AbortSignal; readonly onReady?: () => void },
): Promise<void> {
  check(workflows, parts);
  await ensureRecordStream(parts.bus);
  for (const workflow of workflows) await parts.bus.ensureConsumer(consumerOf(workflow));
  onReady?.();
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const insist = new AbortController();
  const over = new AbortController();
  const wake = new WakeLatch(parts.clock);
  const stored = (): void => wake.tell();
  const signals = { stop, insist: insist.signal, stored };
  const { timeouts } = parts;
  const work = [
    publishRecords({ ...parts, store: parts.records }, stop, { pollingFrequency: oftenest(workflows), wake }),
    ...workflows.map((workflow) => new StepWorker(workflow, parts, signals).run()),
    ...(timeouts
      ? workflows.filter(hasTimeouts).map((one) => fireWhileHolder(one, { ...parts, timeouts, stored }, stop))
      : []),
  ];
  const insisting = insistAfterGrace(parts, { stop, over: over.signal, insist });
  try {
    await Promise.all(work);
  } catch (error) {
    failed.abort();
    await Promise.allSettled(work);
    throw error;
  } finally {
    over.abort();
    await insisting;
  }
}

interface Grace {
  readonly stop: AbortSignal;
  readonly over: AbortSignal;
  readonly insist: AbortController;
}

async function insistAfterGrace({ clock }: RecordParts, { stop, over, insist }: Grace): Promise<void> {
  await new Promise<void>((resolve) => {
    const either = AbortSignal.any([stop, over]);
    if (either.aborted) resolve();
    else either.addEventListener('abort', () => resolve(), { once: true });
  });
  await clock.sleep(GRACE_MS, over);
  if (!over.aborted) insist.abort();
}

function check(workflows: readonly RecordWorkflow[], { timeouts }: RecordParts): void {
  for (const workflow of workflows) {
    checkRecordWorkflow(workflow);
    if (hasTimeouts(workflow) && !timeouts)
      throw new MillraceError(
        'configuration',
        `${workflow.name} has timeouts, and there is no store for them. Give it one.`,
      );
  }
  const names = workflows.map(({ name }) => name);
  const double = names.find((name, index) => names.indexOf(name) !== index);
  if (double !== undefined)
    throw new MillraceError('configuration', `Two record workflows are called ${double}. Rename one.`);
}

export function hasTimeouts({ steps }: RecordWorkflow): boolean {
  return Object.values(steps).some(({ timeout }) => timeout !== undefined);
}

function oftenest(workflows: readonly RecordWorkflow[]): number {
  return Math.min(
    ...workflows.map(({ options }) => options?.pollingFrequency ?? recordDefaults.pollingFrequency),
  );
}
