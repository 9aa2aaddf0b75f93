/** Asks for a key of the API where nobody but the functions reaches the database: `aws lambda invoke` of the migrations. */
export interface KeyRequest {
  readonly createKey: unknown;
}

export interface NewKey {
  readonly id: string;
  /** Shown once: to who has invoked the function, and to no log. */
  readonly key: string;
}

export function isKeyRequest(event: object): event is KeyRequest {
  return 'createKey' in event;
}
