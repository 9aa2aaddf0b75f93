import { randomUUID } from 'node:crypto';
import type { NewTimeout, TimeoutStore } from '../../../engine/ports/timeout-store.ts';

export const HOUR_MS = 3_600_000;

/** A workflow that nobody else uses. */
export function newWorkflow(): string {
  return `workflow-${randomUUID()}`;
}

export interface TimeoutParts {
  readonly id?: string;
  /** From now by the clock of the test: hours apart, so that clocks which differ do no harm. */
  readonly inMs?: number;
}

export function aTimeout(
  workflow: string,
  { id = randomUUID(), inMs = -HOUR_MS }: TimeoutParts = {},
): NewTimeout {
  const expiresAt = new Date(Date.now() + inMs);
  return { workflow, id, foreignId: `order ${id}`, runId: `run of ${id}`, status: 'waiting', expiresAt };
}

export async function created(
  store: TimeoutStore,
  workflow: string,
  parts: readonly TimeoutParts[],
): Promise<NewTimeout[]> {
  const timeouts = parts.map((one) => aTimeout(workflow, one));
  for (const timeout of timeouts) await store.create(timeout);
  return timeouts;
}

export function idsOf(timeouts: readonly { readonly id: string }[]): string[] {
  return timeouts.map(({ id }) => id);
}
