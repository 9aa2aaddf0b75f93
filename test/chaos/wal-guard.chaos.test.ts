import { readFile } from 'node:fs/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../adapters/system/engine-deps.ts';
import { startGateway } from '../../cli/dev/gateway.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { leaderRoles } from '../../engine/roles/leader-roles.ts';
import type { StepId } from '../../events/ids.ts';
import { closeApp, compose } from '../../functions/compose.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { OwnPostgres } from './own-postgres.ts';
import { BrokerFile } from './relay-process.ts';

const MIB = 2 ** 20;
const BUDGET = 64 * MIB;
const MAX_WAL = 32 * MIB;
/** The server recycles what it needs no more at a checkpoint, which `max_wal_size` brings about. */
const SETTINGS = { max_wal_size: '32MB', min_wal_size: '32MB', checkpoint_completion_target: '0.1' };

afterEach(() => vi.unstubAllEnvs());

test('with the only relay frozen the log stays bounded, the API goes on, and each job is dispatched afterwards', {
  timeout: 240_000,
}, async () => {
  await using server = await OwnPostgres.start({ version: 18, settings: SETTINGS });
  await using broker = await BrokerFile.create();
  await using api = await startApi(server);
  const relay = await broker.relay({ ...server.fixture.env(), WE_WAL_BUDGET: '64MB' });
  await waitFor(async () => (await server.fixture.confirmed()) !== 'none', { within: 15_000 });
  const accepted = await api.enqueue();
  await waitFor(async () => (await server.fixture.outboxRows()) === 0, { within: 15_000 });

  relay.kill('SIGSTOP');
  let largest = 0;
  const seen = new Set<string>();
  for (let round = 0; round < 200 && !seen.has('dropped'); round += 1) {
    accepted.push(...(await api.enqueue()));
    // One step at a time, however slow this machine is at the moment.
    const used = (await heldBack(server)) / BUDGET;
    await waitFor(async () => (await api.usedRatio()) >= used || (await slots(server)) === 0, {
      within: 30_000,
    });
    seen.add(await pressure(server));
    largest = Math.max(largest, await walBytes(server));
  }
  expect([...seen]).toEqual(['calm', 'alert', 'fallback', 'dropped']);
  await waitFor(async () => (await slots(server)) === 0, { within: 30_000, what: 'the slot to go' });
  const outboxRows = await server.fixture.outboxRows();
  for (let round = 0; round < 60; round += 1) {
    accepted.push(...(await api.enqueue()));
    largest = Math.max(largest, await walBytes(server));
  }
  expect(await server.fixture.outboxRows()).toBe(outboxRows);
  expect(largest).toBeLessThan(BUDGET + 2 * MAX_WAL + 32 * MIB);

  expect(await api.metrics()).toMatch(/^workflow_engine_dispatch_fallback 1$/m);

  relay.kill('SIGCONT');
  await waitFor(async () => (await pressure(server)) === 'calm', { within: 60_000, what: 'the way back' });
  // What was queued meanwhile is written at once now, and the slot lets go of it with the next note of running transactions,
  // 15 s apart: this much can be more than a budget as small as this one.
  await api.setBudget(1024 * MIB);
  await api.dispatchPolled();
  await waitFor(async () => (await server.fixture.outboxRows()) === 0, { within: 60_000 });
  const published = new Set((await readFile(broker.path, 'latin1')).match(/[0-9a-f]{8}-[0-9a-f-]{27}/g));
  expect(accepted.filter((id) => !published.has(id))).toEqual([]);
  expect(await audited(server)).toEqual([
    { action: 'SLOT_MADE', reason: 'first_start' },
    { action: 'SLOT_LOST', reason: 'wal_budget' },
    { action: 'SLOT_MADE', reason: 'wal_budget' },
  ]);
});

/** The real handlers, and what an API process does beside them. */
async function startApi(server: OwnPostgres) {
  const { dsn } = server.fixture.db;
  await server.asSuperuser('grant pg_monitor to workflow');
  await createPostgresRecordStore(server.fixture.pool).registerTypes(['noop' as StepId]);
  const setBudget = (bytes: number) =>
    server.fixture.pool.query('update millrace_settings set wal_budget_bytes = $1', [bytes]);
  await setBudget(BUDGET);
  vi.stubEnv('WE_POSTGRES_DSN', dsn);
  vi.stubEnv('WE_DISPATCH_MODE', 'kafka_outbox');
  vi.stubEnv('WE_WAL_GUARD_INTERVAL', '50ms');
  const gateway = await startGateway({ port: 0, logger: silentLogger });
  const stop = new AbortController();
  const duties = compose().duties(stop.signal);
  const jobs = Array.from({ length: 20 }, () => ({ type: 'noop', payload: randomText(20_000) }));
  return {
    setBudget,
    /** About a megabyte of log. @returns the ids of what the API has accepted */
    async enqueue(): Promise<string[]> {
      const response = await fetch(`${gateway.url}/api/v1/jobs/batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jobs }),
      });
      expect(response.status).toBe(201);
      const answer = (await response.json()) as { jobs: { id: string }[] };
      return answer.jobs.map(({ id }) => id);
    },
    async usedRatio(): Promise<number> {
      const page = await this.metrics();
      return Number(/^workflow_engine_dispatch_wal_budget_used_ratio (\S+)$/m.exec(page)?.[1] ?? 0);
    },
    metrics: async () => (await fetch(`${gateway.url}/metrics`)).text(),
    /** As the leader's role does, which the relays of this test do not run. */
    async dispatchPolled(): Promise<void> {
      const pool = createPool({ dsn, poolSize: 2 }, silentLogger);
      const deps = createEngineDeps(createPostgresRecordStore(pool), 'kafka_outbox');
      const over = new AbortController();
      const roles = leaderRoles(deps, { logger: silentLogger, tickMs: 50, lostAfterMs: 300_000 });
      const running = Promise.all(roles.map((role) => role.run(over.signal)));
      await waitFor(async () => (await deps.store.undispatchedJobs(1)).length === 0, { within: 30_000 });
      over.abort();
      await running;
      await pool.end();
    },
    async [Symbol.asyncDispose](): Promise<void> {
      stop.abort();
      await duties;
      await gateway.stop();
      await closeApp();
    },
  };
}

/** What does not compress. */
function randomText(length: number): string {
  return Array.from({ length }, () => String.fromCharCode(97 + Math.floor(Math.random() * 26))).join('');
}

async function one<T>(server: OwnPostgres, sql: string): Promise<T | undefined> {
  const { rows } = await server.fixture.pool.query<{ value: T }>(sql);
  return rows[0]?.value;
}

async function pressure(server: OwnPostgres): Promise<string> {
  return (await one<string>(server, 'select wal_pressure as value from millrace_settings')) ?? '';
}

async function walBytes(server: OwnPostgres): Promise<number> {
  return Number(await one<string>(server, 'select sum(size)::text as value from pg_ls_waldir()'));
}

async function heldBack(server: OwnPostgres): Promise<number> {
  const sql = `select pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::text as value from pg_replication_slots`;
  return Number((await one<string>(server, sql)) ?? 0);
}

async function slots(server: OwnPostgres): Promise<number | undefined> {
  return one<number>(server, 'select count(*)::integer as value from pg_replication_slots');
}

async function audited(server: OwnPostgres): Promise<unknown[]> {
  const { rows } = await server.fixture.pool.query(
    `select action, detail ->> 'reason' as reason from audit_log where action like 'SLOT_%' order by id`,
  );
  return rows;
}
