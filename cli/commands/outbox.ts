import { Command } from 'commander';
import { readDuration } from '../../adapters/env.ts';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { translate } from '../../adapters/postgres/errors.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { type Backlog, measureBacklog } from '../../adapters/postgres/sql/outbox.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { MillraceError } from '../../engine/errors.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { releaseParent, shutdownSignal } from '../shutdown.ts';

interface DrainOptions {
  readonly timeout: string;
  readonly json?: boolean;
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

/** Looks twice a second: each look counts the rows. */
const LOOK_MS = 500;

async function drain({ timeout, json }: DrainOptions): Promise<void> {
  const until = Date.now() + readDuration({ '--timeout': timeout }, '--timeout');
  const signal = shutdownSignal();
  try {
    await withBacklog((backlog) => waitForEmpty(backlog, { until, timeout, json: json === true, signal }));
  } finally {
    releaseParent();
  }
}

interface Waiting {
  readonly until: number;
  readonly timeout: string;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

async function waitForEmpty(backlog: () => Promise<Backlog>, waiting: Waiting): Promise<void> {
  const { until, timeout, json, signal } = waiting;
  let found = await backlog();
  let shown = '';
  while (found.rows > 0 && Date.now() < until && !signal.aborted) {
    const line = sentence(found);
    // Progress goes to the other stream: the output is the result.
    if (line !== shown) console.error(line);
    shown = line;
    await systemClock.sleep(Math.min(LOOK_MS, Math.max(0, until - Date.now())), signal);
    found = await backlog();
  }
  if (json) console.log(JSON.stringify({ drained: found.rows === 0, ...found }));
  else if (found.rows === 0) console.log('the outbox is empty');
  if (found.rows > 0) throw notDrained(found, timeout);
}

async function withBacklog(use: (backlog: () => Promise<Backlog>) => Promise<void>): Promise<void> {
  const pool = createPool(readPostgresConfig(process.env, { poolSize: 1 }), silentLogger);
  try {
    await use(() => measureBacklog(pool).catch((error: unknown) => Promise.reject(translate(error))));
  } finally {
    await pool.end();
  }
}

function sentence({ rows, messages, oldestSeconds }: Backlog): string {
  if (rows === 0) return 'the outbox is empty';
  return `${messages} jobs wait in ${rows} rows, the oldest for ${(oldestSeconds ?? 0).toFixed(1)} s`;
}

function notDrained(found: Backlog, timeout: string): MillraceError {
  return new MillraceError(
    'unavailable',
    `The outbox is not empty after ${timeout}: ${sentence(found)}. Check that a relay leads (millrace relay) and that Kafka ` +
      'takes what it publishes; then drain again.',
    { retryable: true },
  );
}
