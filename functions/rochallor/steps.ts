import { MillraceError } from '../../engine/errors.ts';
import { readVariables } from '../../engine/workflow/variables.ts';
import type { App } from '../compose.ts';
import type { InstanceView } from './instance-view.ts';
import { change, getHistory, getInstance } from './instances.ts';

/** What the protocol tells steps that wait, whichever way it is spoken. `variables` is JSON text of an object. */

export interface StepRequest {
  readonly instanceId: string;
  readonly stepId: string;
  readonly variables: string;
  readonly by?: string | undefined;
}

/** @throws MillraceError `not_found` also when the task is not open */
export async function completeUserTask(app: App, request: StepRequest): Promise<void> {
  const { instanceId, stepId: step, variables, by } = request;
  const event = { kind: 'taskCompleted', step, variables: readVariables(variables) } as const;
  try {
    await change(app, instanceId, { actor: by || 'client', event });
  } catch (error) {
    throw reasonOf(error) === 'not_open' ? again(error, 'not_found') : error;
  }
}

/** @param id that of the step's execution. @throws MillraceError `not_found` also when it has ended */
export async function completeTaskById(
  app: App,
  id: string,
  told: Pick<StepRequest, 'variables' | 'by'>,
): Promise<void> {
  const [instanceId = ''] = id.split('.');
  const open = (await getHistory(app, instanceId)).find(
    (execution) => execution.id === id && execution.status === 'RUNNING',
  );
  if (!open) throw noOpenTask(id);
  await completeUserTask(app, { ...told, instanceId, stepId: open.stepId });
}

function noOpenTask(id: string): MillraceError {
  return new MillraceError(
    'not_found',
    `No user task ${id} is open. Give the ID that the history of its instance tells of it, while it is RUNNING.`,
  );
}

/** A step that failed begins again. @returns the instance then. @throws MillraceError `illegal_transition` when it has not failed */
export async function retryStep(app: App, request: StepRequest): Promise<InstanceView> {
  const { instanceId, stepId: step, variables } = request;
  await change(app, instanceId, {
    actor: 'client',
    event: { kind: 'retried', step, variables: readVariables(variables) },
  });
  return getInstance(app, instanceId);
}

/** A signal is for a step that waits for it: it is not kept. @throws MillraceError `illegal_transition` when none does */
export async function signalWait(app: App, request: StepRequest): Promise<void> {
  const { instanceId, stepId: step, variables } = request;
  const event = { kind: 'signalled', step, variables: readVariables(variables), openOnly: true } as const;
  try {
    await change(app, instanceId, { actor: 'client', event });
  } catch (error) {
    throw reasonOf(error) === 'unknown_step' ? again(error, 'illegal_transition') : error;
  }
}

function reasonOf(error: unknown): unknown {
  return error instanceof MillraceError ? error.detail['reason'] : undefined;
}

/** The protocol knows this refusal under another name. */
function again(error: unknown, code: 'not_found' | 'illegal_transition'): unknown {
  if (!(error instanceof MillraceError)) return error;
  return new MillraceError(code, error.message, { cause: error, detail: error.detail });
}
