import type { PublicationFacts, SlotFacts } from '../../adapters/postgres/sql/inspect.ts';
import { type Finding, failure, ok, psql, quoted, setting, shell, warning } from './finding.ts';

/** A slot of the relay and what is to come through it. */
export interface Stream {
  readonly slot: string;
  readonly publication: string;
  /** Of the publication, as the server writes it; null is every row. */
  readonly rowFilter: string | null;
}

const TABLE = 'dispatch_outbox';
const COLUMNS = ['id', 'topic', 'message_count', 'messages'];

export function judgePublication(stream: Stream, facts: PublicationFacts | undefined): Finding {
  const { publication } = stream;
  const check = `publication ${publication}`;
  const name = quoted(publication);
  const table = `${TABLE} (${COLUMNS.join(', ')})${stream.rowFilter === null ? '' : ` where ${stream.rowFilter}`}`;
  const create = `create publication ${name} for table ${table} with (publish = 'insert')`;
  if (!facts)
    return failure(
      check,
      'The publication does not exist, so the log shows the relay nothing.',
      psql(create),
    );
  if (facts.all_tables) {
    return failure(
      check,
      'The publication is of all tables: the relay would read everything that is written.',
      psql([`drop publication ${name}`, create]),
    );
  }
  const wrong = wrongTables(stream, facts);
  if (wrong !== undefined) return failure(check, wrong, psql(`alter publication ${name} set table ${table}`));
  const publish = psql(`alter publication ${name} set (publish = 'insert')`);
  if (!facts.operations.includes('insert'))
    return failure(check, 'The publication does not publish inserts.', publish);
  const more = facts.operations.filter((operation) => operation !== 'insert');
  if (more.length === 0) return ok(check, `It publishes the inserts of ${TABLE}, and nothing else.`);
  return failure(
    check,
    `The publication also publishes ${more.join(', ')}, all of which the relay would read in vain.`,
    publish,
  );
}

function wrongTables({ rowFilter }: Stream, { tables }: PublicationFacts): string | undefined {
  const outbox = tables.find(({ name }) => name === TABLE);
  if (!outbox) return `The publication does not contain ${TABLE}.`;
  const others = tables.filter(({ name }) => name !== TABLE).map(({ name }) => name);
  if (others.length > 0) return `The publication contains ${others.join(', ')} besides ${TABLE}.`;
  const missing = COLUMNS.filter((column) => !outbox.columns.includes(column));
  if (missing.length > 0) return `The publication leaves out the columns ${missing.join(', ')} of ${TABLE}.`;
  if (outbox.filter === rowFilter) return undefined;
  return `The publication shows the rows with ${outbox.filter ?? 'no condition'} instead of ${rowFilter ?? 'all rows'}.`;
}

export interface SlotContext {
  /** Undefined before version 17. */
  readonly knowsFailover: boolean;
  readonly hasLed: boolean;
}

export function judgeSlot(stream: Stream, facts: SlotFacts | undefined, context: SlotContext): Finding[] {
  const { slot } = stream;
  const check = `slot ${slot}`;
  const drop = psql(
    `select pg_drop_replication_slot('${slot}')`,
    'the next relay that leads makes it anew; nothing is lost',
  );
  const relay = shell('npx millrace relay');
  if (!facts) {
    const says = 'There is no slot';
    return context.hasLed
      ? [
          warning(
            check,
            `${says} any more; the next relay that leads makes one and dispatches from the table.`,
            relay,
          ),
        ]
      : [ok(check, `${says} yet; the first relay that leads makes it.`)];
  }
  if (!facts.is_ours) {
    const of = `${facts.plugin ?? 'physical replication'}${facts.database === null ? '' : ` in the database ${facts.database}`}`;
    return [
      failure(check, `The slot is one of ${of}, not of the relay.`, {
        ...drop,
        note: 'or give the relay another name with WE_RELAY_SLOT',
      }),
    ];
  }
  if (facts.wal_status === 'lost') {
    return [
      warning(check, 'The server has given the slot up; the next relay that leads makes it anew.', relay),
    ];
  }
  const findings = [judgeUse(check, facts, relay), judgeFailover(check, slot, facts, context)];
  if (facts.two_phase)
    findings.push(
      failure(check, 'The slot decodes prepared transactions, which the relay does not read.', drop),
    );
  return findings.filter((finding) => finding !== undefined);
}

function judgeUse(check: string, facts: SlotFacts, relay: ReturnType<typeof shell>): Finding {
  const kept = `${Math.ceil(facts.retained_bytes / 2 ** 20)} MB of log wait`;
  if (!facts.active) return warning(check, `No relay reads the slot; ${kept}.`, relay);
  if (facts.wal_status === 'unreserved') {
    return warning(
      check,
      `The relay is so far behind that the server is about to remove what it still needs; ${kept}.`,
      setting('max_slot_wal_keep_size', `'100GB'`),
    );
  }
  return ok(check, `A relay reads it; ${kept}.`);
}

function judgeFailover(
  check: string,
  slot: string,
  { failover, active }: SlotFacts,
  { knowsFailover }: SlotContext,
): Finding | undefined {
  if (!knowsFailover || failover === true) return undefined;
  return warning(
    check,
    'The slot does not follow a failover: after one the relay would dispatch the whole outbox anew.',
    {
      in: 'replication',
      run: [`ALTER_REPLICATION_SLOT ${quoted(slot)} (FAILOVER true)`],
      ...(active ? { note: 'while the relay is stopped for a moment' } : {}),
    },
  );
}
