/** What the global setup hands to the tests. */
export interface ProvidedBackends {
  /** User `workflow`, who may create databases and replicate. */
  readonly WE_TEST_POSTGRES_DSN: string;
  /** The superuser. */
  readonly WE_TEST_POSTGRES_ADMIN_DSN: string;
  readonly WE_TEST_KAFKA_BROKERS: readonly string[];
  /** Empty when the brokers were given and have no such listener that we know of. */
  readonly WE_TEST_KAFKA_SECURED_BROKERS: readonly string[];
  /** Path of a PEM file. */
  readonly WE_TEST_KAFKA_CA: string;
  /** Why there is no Kafka, and what to install; empty when there is one. */
  readonly WE_TEST_KAFKA_MISSING: string;
}

declare module 'vitest' {
  interface ProvidedContext extends ProvidedBackends {}
}
