import { changeWorkflow } from '../../engine/commands/change-workflow.ts';
import type { EngineDeps } from '../../engine/deps.ts';
import { rawMembers } from '../../engine/raw-json.ts';
import type { WorkflowEvent } from '../../engine/workflow/events.ts';
import { readVariables, type Variables } from '../../engine/workflow/variables.ts';
import { workflowNotFound, workflowRefused } from './refusals.ts';
import type { Input, Reply } from './shape.ts';
import { workflowText } from './workflow-views.ts';

interface OnBehalf {
  readonly actor: string;
  readonly reason?: string | undefined;
}

/** Tells the workflow of the event, and answers with what has become of it. @throws MillraceError when it was not taken */
export async function changed(
  { id, body }: Pick<Input<OnBehalf, unknown>, 'id' | 'body'>,
  deps: EngineDeps,
  event: WorkflowEvent,
): Promise<Reply> {
  const { actor, reason } = body;
  const outcome = await changeWorkflow(deps, id, { actor, reason, event });
  if (outcome.kind === 'refused') throw workflowRefused(id, outcome);
  const found = outcome.kind === 'changed' ? await deps.store.getInstance(id) : undefined;
  if (!found) throw workflowNotFound(id);
  return { status: 200, body: await workflowText(deps.store, found) };
}

/** The `variables` of a request, as the text they are. */
export function variablesOf(text: string): Variables {
  return readVariables(rawMembers(text).get('variables') ?? '{}');
}
