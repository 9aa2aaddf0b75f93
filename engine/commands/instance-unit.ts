import type { CommitUnit, InstanceChange } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import type { Refusal, WorkflowEvent } from '../workflow/events.ts';
import type { InstanceRecord } from '../workflow/instance-record.ts';

export type InstanceUnit =
  | { readonly kind: 'changed'; readonly unit: CommitUnit & { readonly instance: InstanceChange } }
  | { readonly kind: 'ignored' }
  | Refusal;

/** On whose behalf something happens to an instance, for the audit trail. */
export interface Occasion {
  readonly actor: string;
  readonly reason?: string | undefined;
  readonly traceparent?: string | undefined;
}

/** What an event makes of an instance, as a unit without a job: whoever has one adds it. */
export async function instanceUnit(
  deps: EngineDeps,
  record: InstanceRecord,
  happened: Occasion & { readonly event: WorkflowEvent },
): Promise<InstanceUnit> {
  // Deciding is an eighth of what an HTTP function would read at a cold start, and jobs alone never need it.
  deciding ??= import('./decided-unit.ts');
  return (await deciding).decidedUnit(deps, record, happened);
}

let deciding: Promise<typeof import('./decided-unit.ts')> | undefined;
