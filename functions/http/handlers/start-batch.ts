import { startWorkflows, type WorkflowRequest } from '../../../engine/commands/start-workflow.ts';
import type { NewInstance } from '../../../engine/commit.ts';
import { rawElements, rawMembers } from '../../../engine/raw-json.ts';
import type { App } from '../../compose.ts';
import { requireKnownTypes, traceparentOf } from '../accept.ts';
import { acceptWithin } from '../accept-spans.ts';
import { defineEndpoint } from '../endpoint.ts';
import { cannotStart } from '../refusals.ts';
import { bodyLimits } from '../request-body.ts';
import { jsonArray } from '../views.ts';
import { startedWorkflows } from '../workflow-replies.ts';
import { workflowBatchRequest } from '../workflow-requests.ts';
import { nameOf, toWorkflowRequest, typesOf } from '../workflow-steps.ts';
import { startedWorkflowText } from '../workflow-views.ts';

export const startBatch = defineEndpoint(
  {
    scope: 'enqueue',
    forTenants: true,
    body: workflowBatchRequest,
    bodyLimit: bodyLimits.batch,
    replies: {
      201: { description: 'All are committed; in the order sent.', schema: startedWorkflows },
      404: { description: 'There is no such definition; nothing was written.' },
      422: { description: 'The type of a step has no handler; nothing was written.' },
    },
  },
  async ({ body, text, event }, app) => {
    const { metrics, types } = app();
    const raw = rawElements(rawMembers(text).get('workflows') ?? '[]');
    const requests = body.workflows.map((workflow, index) =>
      toWorkflowRequest(workflow, raw[index] ?? '{}', `workflows[${index}].`),
    );
    const wanted = requests.flatMap((request, at) =>
      typesOf(request).map((type, step) => ({ type, field: `workflows[${at}].steps[${step}].type` })),
    );
    await requireKnownTypes(
      types,
      wanted.map(({ type }) => type),
      (index) => wanted[index]?.field ?? 'workflows',
    );
    const instances = await acceptWithin(app(), {
      kind: 'workflow',
      names: requests.map(nameOf),
      event,
      accept: (own) => {
        const traceparents = (n: number) => own?.[n] ?? traceparentOf(event);
        return startAll(
          app(),
          requests.map((request, n) => ({ ...request, traceparent: traceparents(n) })),
        );
      },
      fieldsOf: (started) => started.map(({ id }) => ({ 'millrace.workflow.id': id })),
    });
    metrics.enqueued(instances.flatMap(({ jobs }) => jobs.map(({ type }) => type)));
    return { status: 201, body: `{"workflows":${jsonArray(instances.map(startedWorkflowText))}}` };
  },
);

async function startAll(
  { deps }: App,
  requests: readonly WorkflowRequest[],
): Promise<readonly NewInstance[]> {
  const outcome = await startWorkflows(deps, requests);
  if (outcome.kind === 'refused') throw cannotStart(outcome.because, `workflows[${outcome.index}].input`);
  return outcome.instances;
}

export const { handler } = startBatch;
