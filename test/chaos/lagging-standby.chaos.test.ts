import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { expect, test } from 'vitest';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../adapters/system/engine-deps.ts';
import { freePort } from '../../cli/dev/backends/ports.ts';
import type { PostgresVersion } from '../../cli/dev/backends/postgres-binaries.ts';
import { claimJobs } from '../../engine/commands/claim-jobs.ts';
import { enqueueJobs } from '../../engine/commands/enqueue-jobs.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import type { JobId, StepId } from '../../events/ids.ts';
import { jobTopic } from '../../events/topics.ts';
import { startTcpProxy } from '../helpers/tcp-proxy.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RelayFixture, TOPIC } from '../int/relay-cdc/fixture.ts';
import { checkHistory } from './history.ts';
import { OwnPostgres } from './own-postgres.ts';
import { Standby } from './standby.ts';
import { Workload } from './workload.ts';

const DUPLICATES = 6_000;
const JOBS = 20;
const TYPE = 'lagging' as StepId;

/** A primary that commits without waiting for its standby, and a relay that comes to either by the one name they share. */
async function startSite(version: PostgresVersion, syncSlots: boolean) {
  const stack = new AsyncDisposableStack();
  const primary = stack.use(await OwnPostgres.start({ version }));
  const standby = stack.use(await Standby.of(primary, { version, syncSlots, synchronous: false }));
  let target = primary.port;
  const endpoint = stack.use(await startTcpProxy(await freePort(), () => target));
  const dsn = primary.dsn.replace(`:${primary.port}/`, `:${endpoint.port}/`);
  const fixture = stack.use(RelayFixture.on(primary.through(dsn)));
  const work = stack.use(new Workload({ dsn: () => dsn }));
  const relay = await fixture.lead();
  /** The standby leads, for whoever connects from now on; the primary does not know it yet. */
  const failOver = async (): Promise<void> => {
    await standby.promote();
    target = standby.port;
    await work.hangUp();
  };
  return {
    primary,
    standby,
    fixture,
    work,
    relay,
    failOver,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

type Site = Awaited<ReturnType<typeof startSite>>;

/** What is committed while `commit` runs is on the primary alone: it may be published, and need not be. */
async function loseTo(work: Workload, commit: () => Promise<void>): Promise<string[]> {
  const before = new Set(work.written.committed);
  await commit();
  const lost = [...work.written.committed].filter((value) => !before.has(value));
  for (const value of lost) work.written.committed.delete(value);
  return lost;
}

async function checkSite({ fixture, work, relay }: Site): Promise<void> {
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 60_000, what: 'an empty outbox' });
  const seen = relay.broker.seen.filter(({ topic }) => topic === TOPIC);
  checkHistory(work.written, seen, { duplicates: DUPLICATES, left: await fixture.outboxRows() });
}

/** Until the server dies or this is disposed of, published rows stay in the outbox: clearing them writes the audit log. */
async function holdClearing(primary: OwnPostgres): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: primary.dsn });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin');
  await client.query('lock table audit_log in exclusive mode');
  return { [Symbol.asyncDispose]: () => client.end() };
}

test('of what a promoted standby lacks nothing runs that was published, and of what it has nothing is lost', {
  timeout: 120_000,
}, async () => {
  await using site = await startSite(15, false);
  const { primary, standby, fixture, work, relay } = site;
  const pool = createPool(readPostgresConfig(fixture.env(), { poolSize: 2 }), silentLogger);
  await using _ = { [Symbol.asyncDispose]: () => pool.end() };
  const store = createPostgresRecordStore(pool);
  const deps = createEngineDeps(store, 'kafka_outbox');
  await store.registerTypes([TYPE]);
  const enqueue = async (): Promise<JobId[]> => {
    const requests = Array.from({ length: JOBS }, () => ({ type: TYPE, payload: '{}', maxRetries: 0 }));
    return (await enqueueJobs(deps, requests)).map(({ job }) => job.id);
  };
  const kept = await enqueue();
  await work.burst(50);
  await standby.catchUp();
  await standby.cutOff();
  const lostJobs = await enqueue();
  const dispatched = () => relay.broker.seen.filter(({ topic }) => topic === jobTopic(TYPE)).length;
  await waitFor(() => dispatched() >= 2 * JOBS, { within: 30_000, what: 'the jobs to be published' });
  await using _lock = await holdClearing(primary);
  const lost = await loseTo(work, () => work.burst(100));
  for (const value of lost) work.written.unknown.add(value);
  const areSeen = (): boolean => {
    const seen = new Set(relay.broker.values());
    return lost.every((value) => seen.has(value));
  };
  await waitFor(areSeen, { within: 30_000, what: 'all that will be lost to be published' });
  await site.failOver();
  // Of other rows, under the numbers of those that the old leader has yet to clear.
  await work.burst(100);
  await primary.kill();
  await checkSite(site);
  const claim = async (ids: readonly JobId[]): Promise<Set<string>> => {
    const request = { ids, workerId: 'w', leaseMs: 10_000, claimId: randomUUID() };
    return new Set((await claimJobs(deps, request)).map(({ kind }) => kind));
  };
  expect(await waitFor(() => claim(lostJobs), { within: 30_000 })).toEqual(new Set(['not_found']));
  expect(await claim(kept)).toEqual(new Set(['claimed']));
});

test('of what a promoted standby lacks nothing was published where the slot waits for it', {
  timeout: 120_000,
}, async () => {
  await using site = await startSite(17, true);
  const { primary, standby, work } = site;
  await work.burst(50);
  await standby.catchUp();
  await standby.cutOff();
  // Neither committed nor unknown: to be seen is to be invented.
  await loseTo(work, () => work.burst(100));
  const isHeldBack = async (): Promise<boolean> => {
    const rows = await primary.asSuperuser(
      "select from pg_stat_activity where backend_type = 'walsender' and wait_event = 'WaitForStandbyConfirmation'",
    );
    return rows.length > 0;
  };
  await waitFor(isHeldBack, { within: 30_000, what: 'the stream to wait for the standby' });
  await site.failOver();
  await work.burst(100);
  await primary.kill();
  await checkSite(site);
});
