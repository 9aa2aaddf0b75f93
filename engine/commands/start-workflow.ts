import type { NewInstance } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { parsed, parsedInline } from '../workflow/definitions.ts';
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
  const beginning = 'steps' in request ? inline(deps, request) : await uploaded(deps, request);
  if ('kind' in beginning) return beginning;
  const { foreignId, traceparent } = request;
  const instances = await beginInstance(deps, { ...beginning, foreignId, traceparent });
  await deps.store.start(instances);
  return { kind: 'started', instance: instances[0] };
}

function inline(deps: EngineDeps, { name, steps }: Extract<WorkflowRequest, { steps: unknown }>): Beginning {
  const own = inlineDefinition(name, { steps, hash: deps.hash });
  return { name, ref: own.ref, inline: own, definition: parsedInline(deps.store, own), input: noVariables };
}

async function uploaded(
  deps: EngineDeps,
  request: Extract<WorkflowRequest, { definition: string }>,
): Promise<Beginning | Exclude<StartOutcome, { kind: 'started' }>> {
  const input = readVariables(request.input);
  const fault = variablesFault(input);
  if (fault !== undefined) return { kind: 'bad_input', reason: fault };
  const { definition, version: wanted } = request;
  const record = await deps.store.getDefinition(definition, wanted);
  if (!record) return { kind: 'unknown_definition', id: definition, version: wanted };
  const { id, version, name } = record;
  return { name, ref: { id, version }, definition: parsed(deps.store, record), input };
}
