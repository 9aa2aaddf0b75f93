import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../adapters/system/engine-deps.ts';
import { freePort } from '../../cli/dev/backends/ports.ts';
import type { PostgresVersion } from '../../cli/dev/backends/postgres-binaries.ts';
import { claimJobs } from '../../engine/commands/claim-jobs.ts';
import { enqueueJob } from '../../engine/commands/enqueue-jobs.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { header } from '../../events/headers.ts';
import type { JobId, StepId } from '../../events/ids.ts';
import { startTcpProxy } from '../helpers/tcp-proxy.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';
import { checkHistory } from './history.ts';
import { OwnPostgres } from './own-postgres.ts';
import { Standby } from './standby.ts';
import { Workload } from './workload.ts';

const REBUILDS = 'workflow_engine_dispatch_relay_rebuilds_total';
/** One crash: what was published and not cleared (4,000 messages), and one batch (2,000). */
const DUPLICATES = 6_000;

test.each<[PostgresVersion, string]>([
  [15, 'has no copy of the slot'],
  [17, 'keeps a copy of the slot'],
  [18, 'keeps a copy of the slot'],
])(
  'a failover of PostgreSQL %i under load to a standby that %s loses nothing',
  {
    timeout: 150_000,
  },
  async (version) => {
    await using primary = await OwnPostgres.start({ version });
    const syncSlots = version >= 17;
    await using standby = await Standby.of(primary, { version, syncSlots });
    let target = primary.port;
    // The name that an installation connects to, and that a failover points elsewhere.
    await using endpoint = await startTcpProxy(await freePort(), () => target);
    const dsn = primary.dsn.replace(`:${primary.port}/`, `:${endpoint.port}/`);
    await using fixture = RelayFixture.on(primary.through(dsn));
    await using work = new Workload({ dsn: () => dsn });
    const relay = await fixture.lead();
    work.start();
    await waitFor(() => relay.broker.seen.length > 500, { within: 30_000 });
    if (syncSlots) {
      await standby.syncSlots();
      const hasSlot = `select synced and not temporary and invalidation_reason is null as yes
      from pg_replication_slots where slot_name = '${fixture.slot}'`;
      const isThere = async (): Promise<boolean> => {
        // What lets a slot's position move on; the server itself writes it every 15 s.
        await primary.asSuperuser('select pg_log_standby_snapshot()');
        return standby.ask(hasSlot);
      };
      await waitFor(isThere, { within: 60_000, what: 'the standby to have the slot' });
    }
    await primary.kill();
    await standby.promote();
    target = standby.port;
    const before = relay.broker.seen.length;
    await waitFor(() => relay.broker.seen.length > before + 500, {
      within: 60_000,
      what: 'the relay to publish from the new primary',
    });
    await work.stop();
    await waitFor(async () => (await fixture.outboxRows()) === 0, {
      within: 60_000,
      what: 'an empty outbox',
    });
    const promises = { duplicates: DUPLICATES, left: await fixture.outboxRows() };
    const verdict = checkHistory(work.written, relay.broker.seen, promises);
    expect(await relay.metric(REBUILDS)).toBe(1);
    console.info(`PostgreSQL ${version}: ${JSON.stringify(verdict)}, ${work.written.unknown.size} unknown`);
  },
);

test('a job that other sessions cannot see yet is published, is not found, and can be claimed soon', {
  timeout: 90_000,
}, async () => {
  await using primary = await OwnPostgres.start({ version: 17 });
  await using standby = await Standby.of(primary, { version: 17, syncSlots: false });
  const { fixture } = primary;
  const { broker } = await fixture.lead();
  const type = 'invisible' as StepId;
  await fixture.pool.query('insert into job_types (type) values ($1)', [type]);
  const pool = createPool(readPostgresConfig(fixture.env(), { poolSize: 2 }), silentLogger);
  await using _ = { [Symbol.asyncDispose]: () => pool.end() };
  const deps = createEngineDeps(createPostgresRecordStore(pool), 'kafka_outbox');
  const claim = async (id: JobId): Promise<string | undefined> => {
    const request = { ids: [id], workerId: 'w', leaseMs: 10_000, claimId: randomUUID() };
    return (await claimJobs(deps, request))[0]?.kind;
  };
  await standby.freeze();
  const enqueuing = enqueueJob(deps, { type, payload: '{}', maxRetries: 0 });
  const message = await waitFor(() => broker.seen[0], {
    within: 20_000,
    what: 'the job that nobody can see to be published',
  });
  // A dispatch's id is that of the job, a point, and the attempt.
  const id = (message.headers.get(header.dedupId) ?? '').split('.')[0] as JobId;
  expect(await claim(id)).toBe('not_found');
  standby.thaw();
  await enqueuing;
  expect(await claim(id)).toBe('claimed');
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 30_000, what: 'an empty outbox' });
  expect(broker.seen.length).toBe(1);
});
