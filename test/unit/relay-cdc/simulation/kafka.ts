import { check } from './check.ts';
import type { SimRow } from './postgres.ts';

/** A call to the broker and what became of it. The parts go to their partitions one by one, and each but once. */
export interface SimRequest {
  readonly term: bigint;
  readonly parts: readonly { readonly partition: number; readonly rows: readonly SimRow[] }[];
  /** How many of the parts the broker has. */
  landed: number;
  /** The client waits no more for an answer; what is under way may land all the same. */
  isAbandoned: boolean;
}

const PARTITIONS = 2;

/** Partitions, and requests between a client and them: delayed, doubled, their answers lost. */
export class SimKafka {
  /** Requests that may still land. */
  readonly underWay: SimRequest[] = [];
  duplicates = 0;
  readonly #seen = new Map<bigint, Set<bigint>>();
  /** By key: how many of its rows the broker has had, in order. */
  readonly #heads: number[] = [];

  /** Whether the broker has the row, from whatever term or from this one. */
  has(row: SimRow, term?: bigint): boolean {
    const terms = this.#seen.get(row.id);
    return terms !== undefined && (term === undefined || terms.has(term));
  }

  request(term: bigint, rows: readonly SimRow[]): SimRequest {
    const parts = Array.from({ length: PARTITIONS }, (_, partition) => ({
      partition,
      rows: rows.filter(({ key }) => key % PARTITIONS === partition),
    }));
    const request = {
      term,
      parts: parts.filter((part) => part.rows.length > 0),
      landed: 0,
      isAbandoned: false,
    };
    this.underWay.push(request);
    return request;
  }

  /** One more part arrives. A part that comes again is known by its sequence number, and not stored twice. */
  land(request: SimRequest): void {
    const part = request.parts[request.landed];
    if (!part) return;
    request.landed += 1;
    for (const row of part.rows) this.#store(row, request.term);
    if (request.landed === request.parts.length) this.drop(request);
  }

  /** What was under way is lost for good. */
  drop(request: SimRequest): void {
    const at = this.underWay.indexOf(request);
    if (at >= 0) this.underWay.splice(at, 1);
  }

  #store(row: SimRow, term: bigint): void {
    const terms = this.#seen.get(row.id);
    if (terms) {
      check(!terms.has(term), 'no row is published twice in one term');
      terms.add(term);
      this.duplicates += 1;
      return;
    }
    this.#seen.set(row.id, new Set([term]));
    const head = this.#heads[row.key] ?? 0;
    check(row.place === head, 'the first occurrences of a key come in the order of the commits');
    this.#heads[row.key] = head + 1;
  }
}
