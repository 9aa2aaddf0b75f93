import type { Lsn } from '../events/ids.ts';
import { laterOf } from './lsn.ts';

/** What a session tells the server of how far it is. Only what was confirmed is ever called flushed. */
export class StreamPosition {
  #received: Lsn;
  #confirmed: Lsn;

  constructor(start: Lsn) {
    this.#received = start;
    this.#confirmed = start;
  }

  received(lsn: Lsn): void {
    this.#received = laterOf(this.#received, lsn);
  }

  /** @returns whether there is something new to report; positions never go back */
  confirm(lsn: Lsn): boolean {
    if (lsn <= this.#confirmed) return false;
    this.#confirmed = lsn;
    return true;
  }

  status(): { readonly written: Lsn; readonly flushed: Lsn } {
    return { written: this.#received, flushed: this.#confirmed };
  }
}
