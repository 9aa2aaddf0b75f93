import type { NewInstance } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { defined } from '../new-job.ts';
import { type DefinitionSource, parsed, parsedInline } from '../workflow/definitions.ts';
import { type InlineStep, inlineDefinition } from '../workflow/inline-definition.ts';
import { noVariables, readVariables, variablesFault } from '../workflow/variables.ts';
import { type Beginning, beginInstance } from './begin-instance.ts';

interface RequestBase {
  readonly foreignId?: string | undefined;
  readonly traceparent?: string | undefined;
}

export type WorkflowRequest = RequestBase &
  (
    | {
        readonly name: string;
        /** At least one; names are unique within the workflow. */
        readonly steps: readonly [InlineStep, ...InlineStep[]];
      }
    | {
        readonly definition: string;
        /** The latest unless given. */
        readonly version?: number | undefined;
        /** JSON text of an object. */
        readonly input: string;
      }
  );

export type StartOutcome =
  | { readonly kind: 'started'; readonly instance: NewInstance }
  | { readonly kind: 'unknown_definition'; readonly id: string; readonly version: number | undefined }
  | { readonly kind: 'bad_input'; readonly reason: string };

/** Starts an instance: it, its first jobs and their outbox rows in one transaction. */
export async function startWorkflow(deps: EngineDeps, request: WorkflowRequest): Promise<StartOutcome> {
  const begun = await prepareWorkflow(deps, request);
  if (!Array.isArray(begun)) return begun;
  await deps.store.start(begun);
  return { kind: 'started', instance: begun[0] };
}

export type StartBatchOutcome =
  | { readonly kind: 'started'; readonly instances: readonly NewInstance[] }
  /** The first that cannot be started, for which none was. */
  | { readonly kind: 'refused'; readonly index: number; readonly because: Refused };

/** All of them in one transaction, or none. */
export async function startWorkflows(
  deps: EngineDeps,
  requests: readonly WorkflowRequest[],
): Promise<StartBatchOutcome> {
  const all: [NewInstance, ...NewInstance[]][] = [];
  const find = once(deps);
  for (const [index, request] of requests.entries()) {
    const because = await prepareWorkflow(deps, request, find);
    if (!Array.isArray(because)) return { kind: 'refused', index, because };
    all.push(because);
  }
  await deps.store.start(all.flat());
  return { kind: 'started', instances: all.map(([instance]) => instance) };
}

type Find = DefinitionSource['getDefinition'];

/** Looks each definition up once for a whole batch. */
function once({ store }: EngineDeps): Find {
  const found = new Map<string, ReturnType<Find>>();
  return (id, version) => {
    const key = `${id} ${version ?? 'latest'}`;
    const record = found.get(key) ?? store.getDefinition(id, version);
    found.set(key, record);
    return record;
  };
}

type Refused = Exclude<StartOutcome, { kind: 'started' }>;

/** What would be written. */
export async function prepareWorkflow(
  deps: EngineDeps,
  request: WorkflowRequest,
  find: Find = (id, version) => deps.store.getDefinition(id, version),
): Promise<[NewInstance, ...NewInstance[]] | Refused> {
  const beginning = 'steps' in request ? inline(deps, request) : await uploaded(deps, request, find);
  if ('kind' in beginning) return beginning;
  const { foreignId, traceparent } = request;
  return beginInstance(deps, { ...beginning, foreignId, traceparent });
}

function inline(deps: EngineDeps, { name, steps }: Extract<WorkflowRequest, { steps: unknown }>): Beginning {
  const own = inlineDefinition(name, { steps, hash: deps.hash });
  return { name, ref: own.ref, inline: own, definition: parsedInline(deps.store, own), input: noVariables };
}

async function uploaded(
  deps: EngineDeps,
  request: Extract<WorkflowRequest, { definition: string }>,
  find: Find,
): Promise<Beginning | Refused> {
  const input = readVariables(request.input);
  const fault = variablesFault(input);
  if (fault !== undefined) return { kind: 'bad_input', reason: fault };
  const { definition, version: wanted } = request;
  const record = await find(definition, wanted);
  if (!record) return { kind: 'unknown_definition', id: definition, version: wanted };
  const { id, version, tenant, name } = record;
  return {
    name,
    ref: { id, version, ...defined({ tenant }) },
    definition: parsed(deps.store, record),
    input,
  };
}
