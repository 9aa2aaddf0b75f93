import { changeWorkflow } from '../../engine/commands/change-workflow.ts';
import { startWorkflow } from '../../engine/commands/start-workflow.ts';
import type { Paged } from '../../engine/ports/paged-reads.ts';
import type { WorkflowEvent } from '../../engine/workflow/events.ts';
import type { InstanceId } from '../../events/ids.ts';
import { isUuid } from '../../events/ids.ts';
import type { App } from '../compose.ts';
import { cannotStart, workflowNotFound, workflowRefused } from '../http/refusals.ts';
import { type ExecutionView, executionsOf } from './executions.ts';
import { filterOf, type InstanceView, viewOf } from './instance-view.ts';
import { pageOf } from './page.ts';

/** What the protocol does with instances, whichever way it is spoken. */

export interface StartRequest {
  readonly definitionId: string;
  /** 0 is the latest. */
  readonly definitionVersion: number;
  /** JSON text of an object. */
  readonly variables: string;
  readonly businessKey: string | undefined;
  readonly traceparent?: string | undefined;
}

/** As it stands once everything has run that takes no time. @throws MillraceError `not_found`, `invalid_request` */
export async function startInstance({ deps, metrics }: App, request: StartRequest): Promise<InstanceView> {
  const { definitionId, definitionVersion, variables, businessKey, traceparent } = request;
  const outcome = await startWorkflow(deps, {
    definition: definitionId,
    version: definitionVersion > 0 ? definitionVersion : undefined,
    input: variables,
    foreignId: businessKey === '' ? undefined : businessKey,
    traceparent,
  });
  if (outcome.kind !== 'started') throw cannotStart(outcome, 'variables');
  metrics.enqueued(outcome.instance.jobs.map(({ type }) => type));
  return viewOf(deps.store, outcome.instance);
}

export async function getInstance({ deps }: App, id: string): Promise<InstanceView> {
  const found = isUuid(id) ? await deps.store.loadInstance(toId(id)) : undefined;
  if (!found) throw workflowNotFound(id);
  return viewOf(deps.store, found);
}

/** None for an instance that is not there. */
export async function getHistory({ deps }: App, id: string): Promise<ExecutionView[]> {
  const found = isUuid(id) ? await deps.store.getInstance(toId(id)) : undefined;
  return found ? executionsOf(deps.store, found) : [];
}

export interface InstanceQuery {
  readonly definitionId: string | undefined;
  readonly status: string | undefined;
  readonly businessKey: string | undefined;
  readonly page: number;
  readonly pageSize: number;
}

export async function listInstances({ deps }: App, query: InstanceQuery): Promise<Paged<InstanceView>> {
  const { definitionId, status, businessKey: foreignId } = query;
  const filter = { definitionId, foreignId, ...filterOf(status), ...pageOf(query) };
  const { items, total } = await deps.store.pageInstances(filter);
  return { items: await Promise.all(items.map((instance) => viewOf(deps.store, instance))), total };
}

export async function cancelInstance(app: App, id: string, reason: string): Promise<InstanceView> {
  const event = { kind: 'cancelled', reason: reason === '' ? undefined : reason } as const;
  await change(app, id, { actor: 'client', event });
  return getInstance(app, id);
}

/** @throws MillraceError `not_found`, or with what the engine says against it */
export async function change(
  { deps }: App,
  id: string,
  { actor, event }: { readonly actor: string; readonly event: WorkflowEvent },
): Promise<void> {
  if (!isUuid(id)) throw workflowNotFound(id);
  const outcome = await changeWorkflow(deps, toId(id), { actor, event });
  if (outcome.kind === 'not_found') throw workflowNotFound(id);
  if (outcome.kind === 'refused') throw workflowRefused(id, outcome);
}

function toId(id: string): InstanceId {
  return id.toLowerCase() as InstanceId;
}
