import type { EngineDeps } from '../deps.ts';
import type { Definition } from '../workflow/definition.ts';
import type { DefinitionRecord } from '../workflow/definitions.ts';
import { parseDefinition } from '../workflow/parse-definition.ts';

export type UploadOutcome =
  | { readonly kind: 'stored'; readonly definition: DefinitionRecord }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

/**
 * Stores a definition under the next version of its id; a document that is known already keeps its version. Instances stay
 * with the version they were started under.
 * @param chainLater the next workflow may be uploaded after this one
 */
export async function uploadDefinition(
  deps: EngineDeps,
  document: string,
  { chainLater = false }: { readonly chainLater?: boolean } = {},
): Promise<UploadOutcome> {
  const result = parseDefinition(document);
  if (result.kind === 'invalid') return result;
  const { id, name } = result.definition;
  const faults = await missingWorkflows(deps, result.definition, chainLater);
  if (faults.length > 0) return { kind: 'invalid', faults };
  // Blanks between tokens are no difference; the order of keys is one, because branches are taken in it.
  const hash = deps.hash(withoutBlanks(document));
  return { kind: 'stored', definition: await deps.store.putDefinition({ id, name, document, hash }) };
}

function withoutBlanks(document: string): string {
  return document.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, quoted: string | undefined) => quoted ?? '');
}

/** A workflow that is started by another must be there first, or an instance would find nothing to start. */
async function missingWorkflows(
  deps: EngineDeps,
  definition: Definition,
  chainLater: boolean,
): Promise<string[]> {
  const { id, nextWorkflowId, steps } = definition;
  const named: [at: string, workflow: string, version: number | undefined][] = [];
  if (nextWorkflowId !== undefined && !chainLater) named.push(['nextWorkflowId', nextWorkflowId, undefined]);
  for (const { id: step, child } of steps.values()) {
    if (child) named.push([`step "${step}" workflowId`, child.workflowId, child.version]);
  }
  const faults: string[] = [];
  for (const [at, workflow, version] of named) {
    if (workflow === id && version === undefined) continue;
    if (await deps.store.getDefinition(workflow, version)) continue;
    const which = version === undefined ? `"${workflow}"` : `version ${version} of "${workflow}"`;
    faults.push(`${at} references unknown workflow ${which}: upload that one first`);
  }
  return faults;
}
