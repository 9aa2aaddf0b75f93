import type { Database } from '../adapters/postgres/sql/database.ts';
import type { Lsn, Term } from '../events/ids.ts';
import { parseLsn } from './lsn.ts';

/** Up to which number of the outbox all is with the broker, and how many messages a number stands for. */
export interface Reached {
  readonly number: bigint;
  readonly messagesPerNumber: number;
}

/** How far the log was written, and the newest number given out, at one moment. */
export interface Given {
  readonly position: Lsn;
  readonly number: bigint;
}

/**
 * What nobody can count, since no table holds it: the messages of an outbox in the log that are not published. Numbers are
 * given out in about the order of commits, so the newest published tells where the relay is, but for what never commits:
 * once the log is read beyond a moment, all numbers of that moment are done with.
 */
export class LoggedBacklog {
  #number: bigint | undefined;
  #earlier: Given | undefined;
  #numbers = 0;
  #messages = 0;

  published(rows: readonly { readonly id: bigint; readonly jobs: number }[]): void {
    for (const { id, jobs } of rows) {
      this.#reach(id);
      this.#messages += jobs;
    }
    this.#numbers += rows.length;
  }

  /** @returns undefined until it is known where the relay is */
  look(given: Given, watermark: Lsn): Reached | undefined {
    if (this.#earlier && watermark >= this.#earlier.position) this.#reach(this.#earlier.number);
    this.#earlier = given;
    const messagesPerNumber = this.#numbers === 0 ? 1 : this.#messages / this.#numbers;
    return this.#number === undefined ? undefined : { number: this.#number, messagesPerNumber };
  }

  #reach(number: bigint): void {
    if (this.#number === undefined || number > this.#number) this.#number = number;
  }
}

/** @returns undefined where no number was given out, or the role may not see it */
export async function selectGiven(db: Database): Promise<Given | undefined> {
  const { rows } = await db.query<{ position: string; number: string | null }>(`
    select
      pg_current_wal_insert_lsn()::text as position,
      case when has_sequence_privilege(numbers, 'usage, select') then pg_sequence_last_value(numbers) end::text as number
    from (select pg_get_serial_sequence('dispatch_outbox', 'id')::regclass as numbers) as outbox
  `);
  const [row] = rows;
  if (!row || row.number === null) return undefined;
  return { position: parseLsn(row.position), number: BigInt(row.number) };
}

export async function recordReached(
  db: Database,
  { slot, term, reached }: { readonly slot: string; readonly term: Term; readonly reached: Reached },
): Promise<void> {
  await db.query(
    `
    update relay_state
    set dispatched_number = $3::bigint, messages_per_number = $4::real
    where slot_name = $1 and term = $2::bigint
      and (dispatched_number, messages_per_number) is distinct from ($3::bigint, $4::real)
    `,
    [slot, term.toString(), reached.number.toString(), reached.messagesPerNumber],
  );
}
