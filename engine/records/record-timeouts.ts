import { fireTimeouts } from '../fire-timeouts.ts';
import { withFields } from '../ports/logger.ts';
import type { NewTimeout, Timeout, TimeoutStore } from '../ports/timeout-store.ts';
import type { WorkflowRecord } from '../ports/workflow-record-store.ts';
import type { RecordParts } from './record-parts.ts';
import {
  isUnderWay,
  movedTo,
  type RecordRun,
  type RecordWorkflow,
  recordDefaults,
} from './record-workflow.ts';

const LIMIT = 100;
/** Kept for those who look into it afterwards; until then an event that comes again finds that its timeout was set. */
const KEPT_MS = 7 * 86_400_000;
const PURGE_EVERY_MS = 60_000;

interface AtStatus {
  readonly record: WorkflowRecord;
  readonly run: RecordRun;
}

/** The timeout of the status that the run is at, if it has one. An event that comes again asks for the same. */
export function timeoutOf(
  { name, steps }: RecordWorkflow,
  { record, run }: AtStatus,
): NewTimeout | undefined {
  const { foreignId, runId, status, updatedAt } = record;
  const timeout = steps[status]?.timeout;
  if (!timeout) return undefined;
  const expiresAt = timeout.at ? timeout.at(run) : new Date(updatedAt.getTime() + (timeout.afterMs ?? 0));
  if (!expiresAt) return undefined;
  if (Number.isNaN(expiresAt.getTime()))
    throw new TypeError(`The timeout at status ${status} of ${name} is no date.`);
  return { workflow: name, id: timeoutIdOf(record), foreignId, runId, status: String(status), expiresAt };
}

/** Of the version that brought the run to its status: whatever was stored since, be it a pause, has made it moot. */
function timeoutIdOf({ runId, version }: WorkflowRecord): string {
  return `${runId}/${version}`;
}

/** Fires what is due for as long as this process has the role. Two would do no harm, but ask twice as often. */
export async function fireWhileHolder(
  workflow: RecordWorkflow,
  parts: RecordParts & { readonly timeouts: TimeoutStore; readonly stored: () => void },
  signal: AbortSignal,
): Promise<void> {
  const logger = withFields(parts.logger, { workflow: workflow.name });
  while (!signal.aborted) {
    const lease = await parts.roles.acquire(`workflow-timeouts ${workflow.name}`, signal);
    if (!lease) return;
    logger.info('this process fires the timeouts of a workflow', { term: String(lease.term) });
    try {
      await fireUntil(workflow, { ...parts, logger }, AbortSignal.any([signal, lease.signal]));
    } finally {
      await lease.release();
    }
  }
}

async function fireUntil(
  workflow: RecordWorkflow,
  parts: RecordParts & { readonly timeouts: TimeoutStore; readonly stored: () => void },
  signal: AbortSignal,
): Promise<void> {
  const { timeouts: store, logger, clock, watch } = parts;
  const { pollingFrequency, errBackOff: retryMs } = { ...recordDefaults, ...workflow.options };
  const fire = async (timeout: Timeout) => {
    const result = await fireOne(workflow, parts, timeout).catch((error: unknown) => {
      watch?.timeout(workflow.name, 'failed');
      throw error;
    });
    watch?.timeout(workflow.name, result);
    return result;
  };
  let purgeAt = 0;
  while (!signal.aborted) {
    let due = 0;
    try {
      due = await fireTimeouts({ store, logger, workflow: workflow.name, limit: LIMIT, retryMs, fire });
      if (clock.now().getTime() >= purgeAt) {
        await store.purge(workflow.name, { olderThanMs: KEPT_MS, limit: 1_000 });
        purgeAt = clock.now().getTime() + PURGE_EVERY_MS;
      }
    } catch (error) {
      logger.warn('the timeouts do not answer; they are asked again', { error });
    }
    if (due < LIMIT) await clock.sleep(pollingFrequency, signal);
  }
}

/** The run may go on at this very moment: the version it is stored at is the guard. */
async function fireOne(
  workflow: RecordWorkflow,
  { records, stored }: Pick<RecordParts, 'records'> & { readonly stored: () => void },
  timeout: Timeout,
): Promise<'fired' | 'moot'> {
  const record = await records.lookup(timeout.runId);
  const to = record && workflow.steps[record.status]?.timeout?.to;
  if (!record || to === undefined || !isUnderWay(record) || timeoutIdOf(record) !== timeout.id) return 'moot';
  const outcome = await records.store(movedTo(workflow, record, to));
  stored();
  return outcome.kind === 'stored' ? 'fired' : 'moot';
}
