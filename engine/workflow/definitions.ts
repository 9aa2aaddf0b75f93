import { MillraceError } from '../errors.ts';
import type { Definition } from './definition.ts';
import type { InlineDefinition } from './inline-definition.ts';
import type { DefinitionRef, InstanceRecord } from './instance-record.ts';
import { parseDefinition } from './parse-definition.ts';

/** Where definitions lie: the part of the store that a decision may have to ask. */
export interface DefinitionSource {
  /**
   * The latest version unless one is named. Where tenants are kept apart: that of `tenant`, and else nobody's; `''` leaves only
   * nobody's, and without it the tenant is the one for whom the store is.
   */
  getDefinition(id: string, version?: number, tenant?: string): Promise<DefinitionRecord | undefined>;
}

export interface DefinitionRecord extends DefinitionRef {
  readonly name: string;
  /** JSON text as it was uploaded. */
  readonly document: string;
  readonly uploadedAt: Date;
}

/** As a tenant: who asks for what is nobody's must not get what his own tenant calls the same. */
export const NOBODY = '';

const MAX_KEPT = 1000;
/** Parsed definitions. They never change, so what is kept is never wrong. */
const kept = new WeakMap<DefinitionSource, Map<string, Definition>>();

/** The definition under which the instance was started. */
export async function definitionOf(
  store: DefinitionSource,
  instance: Pick<InstanceRecord, 'id' | 'definition'>,
): Promise<Definition> {
  const { definition, id } = instance;
  const known = lookUp(store, keyOf(definition));
  if (known) return known;
  const record = await store.getDefinition(definition.id, definition.version, definition.tenant ?? NOBODY);
  if (!record) throw new MillraceError('internal', `Definition ${keyOf(definition)} of ${id} is not there.`);
  return parsed(store, record);
}

/** The definition of an uploaded document, parsed once. */
export function parsed(store: DefinitionSource, record: DefinitionRecord): Definition {
  return remembered(store, keyOf(record), () => record.document);
}

/** That of a document which came with a request, without asking for it. */
export function parsedInline(store: DefinitionSource, { ref, document }: InlineDefinition): Definition {
  return remembered(store, keyOf(ref), () => document);
}

function remembered(store: DefinitionSource, key: string, document: () => string): Definition {
  const known = lookUp(store, key);
  if (known) return known;
  const result = parseDefinition(document());
  if (result.kind === 'invalid') {
    throw new MillraceError('internal', `Definition ${key} does not parse: ${result.faults.join('; ')}`);
  }
  const cache = kept.get(store) ?? new Map<string, Definition>();
  kept.set(store, cache);
  const [oldest] = cache.keys();
  if (cache.size >= MAX_KEPT && oldest !== undefined) cache.delete(oldest);
  cache.set(key, result.definition);
  return result.definition;
}

function lookUp(store: DefinitionSource, key: string): Definition | undefined {
  return kept.get(store)?.get(key);
}

function keyOf({ id, version, tenant }: DefinitionRef): string {
  return tenant === undefined ? `${id}@${version}` : `${id}@${version} of ${tenant}`;
}
