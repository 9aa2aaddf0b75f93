import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '../../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../../adapters/postgres/record-store.ts';
import { PostgresWakeups } from '../../../../adapters/postgres/wakeups.ts';
import { systemClock } from '../../../../adapters/system/clock.ts';
import { createEngineDeps } from '../../../../adapters/system/engine-deps.ts';
import { enqueueJob, enqueueJobs } from '../../../../engine/commands/enqueue-jobs.ts';
import { failJobs } from '../../../../engine/commands/fail-jobs.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import { leaderRoles } from '../../../../engine/roles/leader-roles.ts';
import type { JobId, StepId } from '../../../../events/ids.ts';
import { claimOne } from '../../../conformance/record-store.fixtures.ts';
import { createDatabase, type TestDatabase } from '../../../helpers/database.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ dsn: database.dsn, poolSize: 4 }, silentLogger);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const FAR_MS = 600_000;
const request = { type: 'noop' as StepId, payload: '{}', maxRetries: 3 };

function engine() {
  return createEngineDeps(createPostgresRecordStore(pool), 'polling');
}

function listening(signal: AbortSignal) {
  return new PostgresWakeups({ dsn: database.dsn, clock: systemClock, logger: silentLogger }).listen(
    'millrace_due',
    signal,
  );
}

function inMs(ms: number): Date {
  return new Date(Date.now() + ms);
}

async function statusOf(id: JobId) {
  return (await engine().store.getJobs([id]))[0]?.status;
}

test('a retry and a run_at fire by being told of, also after the connection was lost', async () => {
  const deps = engine();
  const stop = new AbortController();
  const [timers] = leaderRoles(deps, {
    ...{ logger: silentLogger, tickMs: FAR_MS, lostAfterMs: FAR_MS },
    wakeups: new PostgresWakeups({ dsn: database.dsn, clock: systemClock, logger: silentLogger }),
  });
  const running = timers?.run(stop.signal);
  try {
    await listenerOtherThan(undefined);
    const { job } = await enqueueJob(deps, { ...request, runAt: inMs(150) });
    await waitFor(async () => (await statusOf(job.id)) === 'queued', { within: 10_000, what: 'run_at' });

    const { token } = await claimOne(deps.store, job.id);
    await failJobs(deps, [{ id: job.id, token, error: 'no', retryable: true, retryAfterMs: 100 }]);
    await waitFor(async () => (await statusOf(job.id)) === 'queued', { within: 10_000, what: 'the retry' });

    // From SQL the job may also have been written by any client, in its own transaction.
    await deps.store.registerTypes([request.type]);
    const { rows } = await pool.query<{ id: JobId }>(
      "select millrace.enqueue('noop', '{}', run_at => clock_timestamp() + interval '150 milliseconds') as id",
    );
    const fromSql = rows[0]?.id ?? ('' as JobId);
    await waitFor(async () => (await statusOf(fromSql)) === 'queued', { within: 10_000, what: 'run_at' });

    const before = await listenerOtherThan(undefined);
    await pool.query('select pg_terminate_backend($1::integer)', [before]);
    await listenerOtherThan(before);
    const { job: after } = await enqueueJob(deps, { ...request, runAt: inMs(150) });
    await waitFor(async () => (await statusOf(after.id)) === 'queued', { within: 10_000, what: 'run_at' });
  } finally {
    stop.abort();
    await running;
  }
});

test('a batch says one word, and none for what is far off or later than what is known', async () => {
  const deps = engine();
  const heard: string[] = [];
  const client = await pool.connect();
  try {
    client.on('notification', ({ channel }) => heard.push(channel));
    await client.query('listen millrace_due');
    await enqueueJobs(deps, [{ ...request, runAt: inMs(3_600_000) }]);
    const soon = [20_000, 20_001, 20_002].map((ms) => ({ ...request, runAt: inMs(ms) }));
    await enqueueJobs(deps, soon);
    await enqueueJobs(deps, [{ ...request, runAt: inMs(30_000) }, request]);
    // Hints come in the order of the commits: once this one is heard, so is all that was said before it.
    await pool.query("select pg_notify('millrace_due', 'last')");
    await waitFor(() => heard.length > 1, { within: 15_000, what: 'the last hint' });
    expect(heard).toHaveLength(2);
  } finally {
    client.removeAllListeners('notification');
    client.release(true);
  }
});

test('a hint that comes while nobody sleeps ends the next sleep, and only that', async () => {
  const stop = new AbortController();
  const sleeper = listening(stop.signal);
  // The first sleep ends when it listens, for what may have been missed until then.
  await sleeper.sleep(FAR_MS, stop.signal);
  await pool.query("select pg_notify('millrace_due', '')");
  await sleeper.sleep(FAR_MS, stop.signal);
  let isAwake = false;
  const last = sleeper.sleep(FAR_MS, stop.signal).then(() => {
    isAwake = true;
  });
  await pool.query('select 1');
  expect(isAwake).toBe(false);
  stop.abort();
  await last;
});

async function listenerOtherThan(pid: number | undefined): Promise<number> {
  return waitFor(
    async () => {
      const { rows } = await pool.query<{ pid: number }>(
        `
        select pid
        from pg_stat_activity
        where datname = current_database() and application_name = 'millrace wakeups' and query like 'listen%'
          and state = 'idle'
        `,
      );
      return rows.find((row) => row.pid !== pid)?.pid;
    },
    { within: 10_000, what: 'a listening connection' },
  );
}
