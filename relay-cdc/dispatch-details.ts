import type { Term, Topic } from '../events/ids.ts';
import type { Hops, PublishedRow } from './published.ts';

/**
 * What the audit says of each dispatch, every text once however many rows share it. The hops are durations, so that the clock of
 * this process is nobody's measure: `decode_ms` from the commit to its being read, `ack_ms` from there to the broker's answer,
 * `written_ms` from there to the audit row.
 */
export class DispatchDetails {
  readonly texts: string[] = [];
  readonly #places = new Map<string, number>();
  readonly #term: number;
  readonly #now: number;
  #last: { readonly topic: Topic; readonly hops: Hops | undefined; readonly place: number } | undefined;

  constructor(term: Term, now = performance.now()) {
    this.#term = Number(term);
    this.#now = now;
  }

  /** Where the text of this row is, counted from 1 as SQL does. */
  placeOf({ topic, hops }: Pick<PublishedRow, 'topic' | 'hops'>): number {
    // Neighbouring rows mostly share both: a text a row would cost more than all else that is done for it here.
    if (this.#last && this.#last.topic === topic && this.#last.hops === hops) return this.#last.place;
    const text = JSON.stringify({ topic, term: this.#term, ...this.#durations(hops) });
    const place = this.#places.get(text) ?? this.texts.push(text);
    this.#places.set(text, place);
    this.#last = { topic, hops, place };
    return place;
  }

  #durations(hops: Hops | undefined) {
    if (!hops) return {};
    const { arrival, ackedAt } = hops;
    return {
      decode_ms: rounded(arrival.ageMs),
      ack_ms: rounded(ackedAt - arrival.readAt),
      written_ms: rounded(this.#now - ackedAt),
    };
  }
}

/** To half a hundredth of itself or a twentieth of a millisecond: no person sees more, and rows of one batch share a text. */
function rounded(ms: number): number {
  return ms < 10 ? Math.round(Math.max(0, ms) * 10) / 10 : Number(ms.toPrecision(3));
}
