import { uploadDefinition } from '../../engine/commands/upload-definition.ts';
import { MillraceError } from '../../engine/errors.ts';
import type { Paged } from '../../engine/ports/paged-reads.ts';
import { rawMembers } from '../../engine/raw-json.ts';
import type { DefinitionRecord } from '../../engine/workflow/definitions.ts';
import { parsed } from '../../engine/workflow/definitions.ts';
import type { App } from '../compose.ts';
import { definitionNotFound } from '../http/refusals.ts';
import { requireHandlers } from '../tenant-uploads.ts';
import { pageOf } from './page.ts';

/** What the protocol does with definitions, whichever way it is spoken. */

/**
 * Stores a definition, and makes the types of its jobs known: whoever works on them tells nobody beforehand; but for a tenant's,
 * which must be known already. The next workflow of a chain may come later.
 * @throws MillraceError `invalid_request` with every fault, or `unknown_job_type`
 */
export async function upload(app: App, document: string): Promise<DefinitionRecord> {
  const { deps, tenant } = app;
  await requireHandlers(app, document);
  const outcome = await uploadDefinition(deps, document, { chainLater: true });
  if (outcome.kind === 'invalid') {
    throw new MillraceError(
      'invalid_request',
      `validation error: validation errors:\n  ${outcome.faults.join('\n  ')}`,
      { detail: { faults: outcome.faults } },
    );
  }
  if (tenant !== undefined) return outcome.definition;
  const { steps } = parsed(deps.store, outcome.definition);
  const types = [...steps.values()].flatMap(({ jobType }) => jobType ?? []);
  await deps.store.registerTypes([...new Set(types)]);
  return outcome.definition;
}

/** @param version the latest when 0 */
export async function getDefinition({ deps }: App, id: string, version: number): Promise<DefinitionRecord> {
  const wanted = version > 0 ? version : undefined;
  const found = await deps.store.getDefinition(id, wanted);
  if (!found) throw definitionNotFound(id, wanted);
  return found;
}

export interface DefinitionQuery {
  readonly keyword: string | undefined;
  readonly page: number;
  readonly pageSize: number;
}

export function listDefinitions({ deps }: App, query: DefinitionQuery): Promise<Paged<DefinitionRecord>> {
  return deps.store.pageDefinitions({ keyword: query.keyword, ...pageOf(query) });
}

/** The document with the version it has here. */
export function documentText({ document, version }: DefinitionRecord): string {
  const members = rawMembers(document);
  members.set('version', String(version));
  return `{${[...members].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}
