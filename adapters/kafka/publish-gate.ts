import { MillraceError } from '../../engine/errors.ts';

/** What those are told whose call is under way when its publisher is closed. */
export function closedDuringCall(): MillraceError {
  return new MillraceError('publish_failed', 'This publisher was closed during a call.', { retryable: true });
}

/** One publish at a time, and none after one that failed: what the broker has of that is not known. */
export class PublishGate {
  #state: 'open' | 'busy' | 'failed' | 'closed' = 'open';
  #failure: MillraceError | undefined;

  /** Whether it was closed from outside: a call that is under way is to give up. */
  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  async pass<T>(publish: () => Promise<T>, explain: (error: unknown) => MillraceError): Promise<T> {
    this.#requireOpen();
    this.#state = 'busy';
    try {
      const result = await publish();
      if (this.#state === 'busy') this.#state = 'open';
      return result;
    } catch (error) {
      this.#failure = explain(error);
      if (this.#state === 'busy') this.#state = 'failed';
      throw this.#failure;
    }
  }

  close(): void {
    this.#state = 'closed';
  }

  #requireOpen(): void {
    if (this.#state === 'open') return;
    if (this.#state === 'busy') {
      throw new MillraceError('internal', 'A publish is under way; one at a time keeps the order.');
    }
    throw new MillraceError(
      'publish_failed',
      'This publisher is closed or has failed; open a new one and replay.',
      { cause: this.#failure, retryable: true },
    );
  }
}
