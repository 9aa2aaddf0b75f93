import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { PostgresVersion } from '../../cli/dev/backends/postgres-binaries.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { isStreaming, type RunningRelay } from '../int/relay-cdc/fixture.ts';
import { checkHistory, type Promises } from './history.ts';
import { OwnPostgres } from './own-postgres.ts';
import { Workload } from './workload.ts';

/** What was published and not cleared (4,000 messages), and one batch (2,000). */
const DUPLICATES = 6_000;
const REBUILDS = 'workflow_engine_dispatch_relay_rebuilds_total';
const WITHIN = { within: 30_000 };
const COLUMNS = '(id, topic, message_count, messages)';

let server: OwnPostgres;

const load = () => new Workload({ dsn: () => server.dsn });

async function finished(work: Workload, { broker }: RunningRelay, promises: Omit<Promises, 'left'>) {
  await work.stop();
  await work.burst(20);
  const { fixture } = server;
  await waitFor(async () => (await fixture.outboxRows()) === 0, { ...WITHIN, what: 'an empty outbox' });
  return checkHistory(work.written, broker.seen, { ...promises, left: await fixture.outboxRows() });
}

/** Whatever else happens, the load is under way before it, and goes on after it. */
async function underLoad(
  { broker }: RunningRelay,
  work: Workload,
  happens: () => Promise<void>,
): Promise<void> {
  const isPublishing = async (what: string) => {
    const before = broker.seen.length;
    await waitFor(() => broker.seen.length > before + 200, { ...WITHIN, what });
  };
  work.start();
  await isPublishing('records before it');
  await happens();
  await isPublishing('records after it');
}

// A publication that is missing ends the stream of an older server; one of version 18 shows nothing, and goes on.
describe.each<PostgresVersion>([15, 18])('on PostgreSQL %i', (version) => {
  beforeAll(async () => {
    server = await OwnPostgres.start({ version });
  });
  afterEach(() => server.fixture.stopRelays());
  afterAll(() => server[Symbol.asyncDispose]());

  // An older one gives none up for that.
  test.runIf(version >= 18)(
    'P2: a slot that the server gives up for having been idle is made anew once, and nothing is lost or repeated',
    async () => {
      const { fixture } = server;
      await using work = load();
      const { broker } = await fixture.lead();
      await work.burst(50);
      await waitFor(() => work.written.committed.size === broker.seen.length, WITHIN);
      await fixture.stopRelays();
      await work.burst(50);
      await server.set({ idle_replication_slot_timeout: '1s' });
      await waitFor(isGivenUp, { ...WITHIN, what: 'the server to give the slot up' });
      await server.set({ idle_replication_slot_timeout: '0' });

      const next = await fixture.lead({ broker });
      await finished(work, next, { duplicates: 0 });
      expect(await next.metric(REBUILDS)).toBe(1);
      expect(isStreaming(next)).toBe(true);
    },
  );

  test('P2: a slot that is dropped under load is made anew once: nothing is lost, and keys keep their order', async () => {
    const { fixture } = server;
    const relay = await fixture.lead();
    await using work = load();
    await underLoad(relay, work, async () => {
      await waitFor(isDropped, { ...WITHIN, what: 'the slot to be dropped' });
    });
    await finished(work, relay, { duplicates: DUPLICATES });
    expect(await relay.metric(REBUILDS)).toBe(1);
  });

  test('P3: a publication that is dropped and made again under load loses nothing', async () => {
    const relay = await server.fixture.lead();
    await using work = load();
    await underLoad(relay, work, async () => {
      await server.asSuperuser('drop publication millrace_outbox');
      await waitFor(() => !isStreaming(relay), { ...WITHIN, what: 'the relay to notice' });
      await server.asSuperuser(
        `create publication millrace_outbox for table dispatch_outbox ${COLUMNS} with (publish = 'insert')`,
      );
    });
    // Rows of the time between were never shown; they are swept.
    await finished(work, relay, { duplicates: DUPLICATES, order: 'free' });
  });

  // The heartbeat is also what notices, and what carries the sweep on.
  test('P4: what a publication hides that is altered faster than the leader looks is found in the table', async () => {
    const relay = await server.fixture.lead({ env: { WE_RELAY_HEARTBEAT_INTERVAL: '5s' } });
    await using work = load();
    await underLoad(relay, work, async () => {
      for (let round = 0; round < 25; round += 1) {
        await server.asSuperuser('alter publication millrace_outbox drop table dispatch_outbox');
        await server.asSuperuser(`alter publication millrace_outbox add table dispatch_outbox ${COLUMNS}`);
      }
    });
    await finished(work, relay, { duplicates: DUPLICATES, order: 'free' });
  });
});

/** The server looks at each checkpoint. */
async function isGivenUp(): Promise<boolean> {
  await server.asSuperuser('checkpoint');
  const [slot] = await server.asSuperuser('select invalidation_reason as reason from pg_replication_slots');
  return slot?.['reason'] === 'idle_timeout';
}

/** Its leader holds it, and comes back to it at once. */
async function isDropped(): Promise<boolean> {
  const dropped = await server
    .asSuperuser(
      `with ended as materialized (
        select slot_name, pg_terminate_backend(active_pid, 5000) from pg_replication_slots
      )
      select pg_drop_replication_slot(slot_name) from ended`,
    )
    .catch(() => []);
  return dropped.length > 0;
}
