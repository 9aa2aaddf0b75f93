import type { ServerFacts, SlotFacts } from '../../adapters/postgres/sql/inspect.ts';
import { type Finding, failure, ok, psql, quoted, setting, shell, warning } from './finding.ts';

/**
 * The first minors in which altering a publication no longer hides changes of running transactions from a slot. Millrace
 * finds such rows again, and needs no luck elsewhere.
 */
const FIRST_MINORS: Readonly<Record<number, number>> = { 15: 14, 16: 10, 17: 6 };
const RESTART = 'then restart PostgreSQL (on Amazon RDS: change the parameter group and reboot)';
const MAX_CLOCK_MS = 1_000;

/** What both modes need of the server. */
export function judgeServer(facts: ServerFacts, clocks: { readonly hostMs: number }): Finding[] {
  return [judgeVersion(facts), judgePrimary(facts), judgeClock(facts, clocks.hostMs)];
}

/** What a relay needs besides. @param shards the slot of each, undefined where there is none yet */
export function judgeReplication(facts: ServerFacts, shards: readonly (SlotFacts | undefined)[]): Finding[] {
  return [
    judgeLevel(facts),
    judgeRole(facts),
    judgeSlots(facts, shards.filter((slot) => !slot).length),
    judgeSenders(facts, shards.filter((slot) => !slot?.active).length),
    judgeKeepSize(facts),
    judgeTimeout(facts),
  ];
}

function judgeVersion({ version, version_text: text }: ServerFacts): Finding {
  const [major, minor] = [Math.floor(version / 10_000), version % 10_000];
  const check = 'version';
  if (major < 15) {
    const upgrade = shell('pg_upgrade --check', 'and upgrade to PostgreSQL 15 or newer');
    return failure(check, `PostgreSQL ${text} is older than 15, the oldest that Millrace runs on.`, upgrade);
  }
  const first = FIRST_MINORS[major] ?? 0;
  if (minor >= first) return ok(check, `PostgreSQL ${text}.`);
  return warning(
    check,
    `PostgreSQL ${text} lacks fixes of logical decoding that ${major}.${first} has.`,
    shell(`apt-get install --only-upgrade postgresql-${major}`, 'or as your system installs minor versions'),
  );
}

function judgePrimary({ is_standby: isStandby }: ServerFacts): Finding {
  if (!isStandby) return ok('primary', 'The server accepts writes.');
  return failure(
    'primary',
    'The server is a standby, and takes no writes.',
    shell('export WE_POSTGRES_DSN=postgres://…', 'with the address of the primary'),
  );
}

function judgeClock({ clock_ms: databaseMs }: ServerFacts, hostMs: number): Finding {
  const apart = Math.round(Math.abs(databaseMs - hostMs));
  if (apart <= MAX_CLOCK_MS) return ok('clock', 'This host and the database agree on the time.');
  return warning(
    'clock',
    `This host and the database are ${apart} ms apart; job ids are made by this clock, deadlines by the database's.`,
    shell('sudo chronyc makestep', 'on the host whose clock is wrong'),
  );
}

function judgeLevel({ wal_level: level }: ServerFacts): Finding {
  if (level === 'logical') return ok('wal_level', 'The write-ahead log can be decoded.');
  return failure(
    'wal_level',
    `wal_level is ${level}, and the relay needs logical.`,
    psql(`alter system set wal_level = 'logical'`, RESTART),
  );
}

function judgeRole({ may_replicate: may, role }: ServerFacts): Finding {
  if (may) return ok('role', `The role ${role} may replicate.`);
  return failure(
    'role',
    `The role ${role} may not replicate.`,
    psql(
      `alter role ${quoted(role)} replication`,
      `on Amazon RDS instead: grant rds_replication to ${quoted(role)}`,
    ),
  );
}

function judgeSlots({ max_replication_slots: max, slots }: ServerFacts, toBeMade: number): Finding {
  const check = 'replication_slots';
  const more = psql(`alter system set max_replication_slots = ${slots + toBeMade + 4}`, RESTART);
  if (slots + toBeMade > max) {
    const says = `${slots} of ${max} replication slots are in use, and the relay has ${toBeMade} to make, one a shard.`;
    return failure(check, says, more);
  }
  if (slots < max) return ok(check, `${slots} of ${max} replication slots are in use.`);
  const says = `All ${max} replication slots are in use: one that is lost can be made anew, and no other one made.`;
  return warning(check, says, more);
}

/** Each relay keeps one a shard, also while it stands by. @param unread slots that no relay streams from */
function judgeSenders({ max_wal_senders: max, wal_senders: used }: ServerFacts, unread: number): Finding {
  const check = 'wal_senders';
  const needed = Math.max(1, unread);
  if (used + needed <= max) return ok(check, `${used} of ${max} replication connections are in use.`);
  return failure(
    check,
    `${used} of ${max} replication connections are in use, and a relay needs ${needed} more, one a shard, leading or not.`,
    psql(`alter system set max_wal_senders = ${used + needed + 3}`, RESTART),
  );
}

function judgeKeepSize({ max_slot_wal_keep_size: megabytes }: ServerFacts): Finding {
  const check = 'max_slot_wal_keep_size';
  if (megabytes >= 0)
    return ok(check, `The server keeps at most ${megabytes} MB for a slot that nobody reads.`);
  return warning(
    check,
    'The server sets no limit to the log it keeps for a slot, so only the WAL guard of a running process protects the disk.',
    setting('max_slot_wal_keep_size', `'20GB'`, 'or what the disk has room for'),
  );
}

function judgeTimeout({ wal_sender_timeout: ms }: ServerFacts): Finding {
  // The relay sets its own for its session; a pooler or a read-only parameter group would be seen elsewhere.
  return ok('wal_sender_timeout', `The server's own is ${ms} ms; the relay's session sets 10 s.`);
}
