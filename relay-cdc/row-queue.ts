import type { RelayLimits } from './config.ts';
import type { OutboxRow } from './wal-session.ts';

/** What a row costs in memory besides its messages: objects, and the frame it came in. */
const ROW_OVERHEAD_BYTES = 256;

export function weightOf({ row }: { readonly row: OutboxRow }): number {
  return row.messages.length + ROW_OVERHEAD_BYTES;
}

/** Rows waiting to be published, in order. */
export class RowQueue<Queued extends { readonly row: OutboxRow }> {
  #rows: Queued[] = [];
  #head = 0;
  #messages = 0;
  #bytes = 0;

  get rows(): number {
    return this.#rows.length - this.#head;
  }

  get messages(): number {
    return this.#messages;
  }

  /** Of the messages alone. */
  get bytes(): number {
    return this.#bytes;
  }

  push(queued: Queued): void {
    this.#rows.push(queued);
    this.#messages += queued.row.messageCount;
    this.#bytes += queued.row.messages.length;
  }

  /** As many rows as fit into one publish; at least one, if there is one, for a pack is not torn apart. */
  take(limits: Pick<RelayLimits, 'batchMessages' | 'batchBytes'>): Queued[] {
    let end = this.#head;
    let messages = 0;
    let bytes = 0;
    for (let next = this.#rows[end]; next; next = this.#rows[end]) {
      const { messageCount, messages: pack } = next.row;
      const full = messages + messageCount > limits.batchMessages || bytes + pack.length > limits.batchBytes;
      if (full && end > this.#head) break;
      messages += messageCount;
      bytes += pack.length;
      end += 1;
    }
    const taken = this.#rows.slice(this.#head, end);
    this.#cut(end);
    this.#messages -= messages;
    this.#bytes -= bytes;
    return taken;
  }

  /** Drops every row from the first on that does not belong. @returns the dropped */
  keepWhile(belongs: (queued: Queued) => boolean): Queued[] {
    let end = this.#head;
    for (let next = this.#rows[end]; next && belongs(next); next = this.#rows[end]) end += 1;
    const dropped = this.#rows.splice(end);
    for (const { row } of dropped) {
      this.#messages -= row.messageCount;
      this.#bytes -= row.messages.length;
    }
    return dropped;
  }

  /** Cut off in bulk: `shift` would move the whole array for each row. */
  #cut(head: number): void {
    this.#head = head;
    if (head === this.#rows.length) {
      this.#rows = [];
      this.#head = 0;
    } else if (head > 4_096 && head * 2 > this.#rows.length) {
      this.#rows = this.#rows.slice(head);
      this.#head = 0;
    }
  }
}
