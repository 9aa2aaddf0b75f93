import { MillraceError } from '../../engine/errors.ts';

/** One publish at a time, and none after one that failed: what the broker has of that is not known. */
export class PublishGate {
  #state: 'open' | 'busy' | 'closed' = 'open';
  #failure: MillraceError | undefined;

  async pass<T>(publish: () => Promise<T>, explain: (error: unknown) => MillraceError): Promise<T> {
    this.#requireOpen();
    this.#state = 'busy';
    try {
      const result = await publish();
      if (this.#state === 'busy') this.#state = 'open';
      return result;
    } catch (error) {
      this.#failure = explain(error);
      this.#state = 'closed';
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
