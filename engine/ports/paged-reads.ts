import type { DefinitionRecord } from '../workflow/definitions.ts';
import type { InstanceRecord } from '../workflow/instance-record.ts';
import type { InstanceStatus } from '../workflow/state.ts';

/**
 * Lists for protocols that page by number and tell how many there are in all. Both cost in proportion to what is passed over and
 * counted: our own API pages by cursor instead.
 */
export interface PagedReads {
  /** Newest first. */
  pageInstances(filter: InstancePageFilter): Promise<Paged<InstanceRecord>>;
  /** The latest version of each, in the order of ids. */
  pageDefinitions(filter: DefinitionPageFilter): Promise<Paged<DefinitionRecord>>;
}

export interface Paged<T> {
  readonly items: readonly T[];
  readonly total: number;
}

export interface PageNumber {
  readonly offset: number;
  readonly limit: number;
}

export interface InstancePageFilter extends PageNumber {
  readonly definitionId?: string | undefined;
  readonly foreignId?: string | undefined;
  readonly statuses?: readonly InstanceStatus[] | undefined;
  /** Whether one of its steps under way waits for a person or a signal. */
  readonly waiting?: boolean | undefined;
}

export interface DefinitionPageFilter extends PageNumber {
  /** In the id or the name, in upper or lower case. */
  readonly keyword?: string | undefined;
}
