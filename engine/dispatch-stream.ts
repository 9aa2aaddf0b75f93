import type { EventBus } from './ports/event-bus.ts';

/** The stream of a bus on which jobs are dispatched: one for all topics. */
export const DISPATCH_STREAM = 'workflow-jobs';

/**
 * A message is of use until its job was claimed, and one that was not within minutes is dispatched anew. A day is for those
 * who look into it afterwards.
 */
const KEPT_MS = 86_400_000;

export function ensureDispatchStream(bus: EventBus): Promise<void> {
  return bus.ensureStream({ name: DISPATCH_STREAM, subjects: ['workflow.jobs.>'], maxAgeMs: KEPT_MS });
}
