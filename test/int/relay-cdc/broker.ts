import type {
  EventStreamer,
  OutgoingRecord,
  Publisher,
  PublishReceipt,
} from '../../../engine/ports/event-streamer.ts';
import { header } from '../../../events/headers.ts';

export interface SeenRecord {
  readonly topic: string;
  readonly key: string;
  readonly value: string;
  readonly headers: ReadonlyMap<string, string>;
}

/**
 * A broker in memory that a test can hold, break, or let refuse records, and that counts what nobody should do: connect
 * while on standby, or publish twice at a time.
 */
export class TestBroker {
  readonly seen: SeenRecord[] = [];
  readonly batches: number[] = [];
  connects = 0;
  open = 0;
  /** Called before a batch is stored; what it throws is what the publisher throws. */
  gate: (records: readonly OutgoingRecord[]) => Promise<void> = () => Promise.resolve();
  refuses: (record: OutgoingRecord) => string | undefined = () => undefined;

  readonly streamer: Pick<EventStreamer, 'publisher'> = {
    publisher: async () => {
      this.connects += 1;
      this.open += 1;
      return this.#publisher();
    },
  };

  values(): string[] {
    return this.seen.map(({ value }) => value);
  }

  #publisher(): Publisher {
    let busy = false;
    let isOpen = true;
    return {
      publish: async (records) => {
        if (busy) throw new Error('two publishes at a time');
        busy = true;
        try {
          await this.gate(records);
          return this.#store(records);
        } finally {
          busy = false;
        }
      },
      close: async () => {
        if (isOpen) this.open -= 1;
        isOpen = false;
      },
    };
  }

  #store(records: readonly OutgoingRecord[]): PublishReceipt {
    const refused: { index: number; reason: string }[] = [];
    this.batches.push(records.length);
    for (const [index, record] of records.entries()) {
      const reason = this.refuses(record);
      if (reason === undefined) this.seen.push(see(record));
      else refused.push({ index, reason });
    }
    return { refused };
  }
}

function see({ topic, key, value, headers }: OutgoingRecord): SeenRecord {
  return {
    topic,
    key: key.toString(),
    value: value.toString(),
    headers: new Map(headers.map((one) => [one.name, one.value.toString()])),
  };
}

/** Position of a record in the log, for comparing: commit, then place in it. */
export function positionOf({ headers }: SeenRecord): [bigint, number] {
  const [high = '0', low = '0'] = (headers.get(header.commitLsn) ?? '').split('/');
  return [
    (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`),
    Number(headers.get(header.commitIndex) ?? Number.NaN),
  ];
}
