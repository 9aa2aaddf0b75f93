import { Command } from 'commander';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import type { Database } from '../../adapters/postgres/sql/database.ts';
import {
  type Backlog,
  logPosition,
  measureBacklog,
  measureLoggedBacklog,
  measureUnreadLog,
} from '../../adapters/postgres/sql/outbox.ts';
import { readOutboxForm } from '../../adapters/postgres/sql/outbox-form.ts';
import { translating } from '../../adapters/postgres/translating.ts';
import { MillraceError } from '../../engine/errors.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { type DrainOptions, waitUntilEmpty } from '../wait-until-empty.ts';

/** What waits in the table, and with `WE_OUTBOX=message` in the log. */
interface Waits extends Backlog {
  /** Bytes of the log that the relay has not confirmed, whatever is in them; null where only the table is written. */
  readonly logBytes: number | null;
}

export function outboxCommand(): Command {
  return new Command('outbox')
    .description('the jobs that wait to be published to Kafka (WE_POSTGRES_DSN)')
    .addCommand(
      new Command('status')
        .description('how many wait, and for how long the oldest has')
        .option('--json', 'machine-readable output')
        .action(status),
    )
    .addCommand(
      new Command('drain')
        .description(
          'wait until none waits, for instance before the relay is switched off; exits 1 when some are left',
        )
        .option('--timeout <duration>', 'how long to wait: 500ms, 30s, 5m', '5m')
        .option('--json', 'machine-readable output')
        .action(drain),
    );
}

async function status({ json }: { json?: boolean }): Promise<void> {
  await withBacklog(async (backlog) => {
    const found = await backlog();
    console.log(json ? JSON.stringify(found) : sentence(found));
  });
}

async function drain(options: DrainOptions): Promise<void> {
  await withBacklog((look) => waitUntilEmpty({ look, isEmpty, sentence, left: notDrained }, options));
}

/** What waits is looked at as of the beginning: in the log others go on writing. */
async function withBacklog(use: (backlog: () => Promise<Waits>) => Promise<void>): Promise<void> {
  const pool = createPool(readPostgresConfig(process.env, { poolSize: 1 }), silentLogger);
  try {
    const db = translating(pool);
    const position = await logPosition(db);
    await use(() => measure(db, position));
  } finally {
    await pool.end();
  }
}

async function measure(db: Database, position: string): Promise<Waits> {
  const inTable = await measureBacklog(db);
  if ((await readOutboxForm(db)) === 'table') return { ...inTable, logBytes: null };
  const logBytes = await measureUnreadLog(db, position);
  // With the log read up to here, whatever was given out since is somebody's who goes on writing.
  const logged = logBytes === 0 ? 0 : await measureLoggedBacklog(db);
  return { ...inTable, messages: inTable.messages + logged, logBytes };
}

function isEmpty({ rows, logBytes }: Waits): boolean {
  return rows === 0 && !logBytes;
}

function sentence({ rows, messages, oldestSeconds, logBytes }: Waits): string {
  if (rows === 0 && logBytes)
    return `about ${messages} jobs wait: ${Math.ceil(logBytes / 1024)} kB of the write-ahead log wait for the relay`;
  if (rows === 0) return 'the outbox is empty';
  return `${messages} jobs wait in ${rows} rows, the oldest for ${(oldestSeconds ?? 0).toFixed(1)} s`;
}

function notDrained(found: Waits, timeout: string): MillraceError {
  return new MillraceError(
    'unavailable',
    `The outbox is not empty after ${timeout}: ${sentence(found)}. Check that a relay leads (millrace relay) and that Kafka ` +
      'takes what it publishes; then drain again.',
    { retryable: true },
  );
}
