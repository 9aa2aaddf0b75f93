/** A string or number that cannot be mistaken for another of the same type. */
export type Branded<T, Name extends string> = T & { readonly __brand: Name };

/** A job's id: UUID version 7, lower case. */
export type JobId = Branded<string, 'JobId'>;
/** A workflow instance's id: UUID version 7, lower case. */
export type InstanceId = Branded<string, 'InstanceId'>;
/** Names a handler, its topic and its consumer group: see {@link isStepId}. */
export type StepId = Branded<string, 'StepId'>;
/** Proof that its holder has the lease of one attempt: 128 random bits, a UUID. */
export type ClaimToken = Branded<string, 'ClaimToken'>;
/** A Kafka topic name. */
export type Topic = Branded<string, 'Topic'>;
/** A position in PostgreSQL's write-ahead log, in bytes. */
export type Lsn = Branded<bigint, 'Lsn'>;
/** The epoch of one leadership of the relay: strictly greater than every earlier one's. */
export type Term = Branded<bigint, 'Term'>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether the text is a UUID, in any letter case. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/**
 * A step id becomes part of a topic name, so Kafka's rule for those holds for it: letters, digits, `.`, `_` and `-`,
 * at most 200 characters (Kafka's 249 less the prefix and room for suffixes).
 */
export function isStepId(text: string): text is StepId {
  return /^[A-Za-z0-9._-]{1,200}$/.test(text) && text !== '.' && text !== '..';
}
