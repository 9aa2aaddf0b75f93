import { expect, test } from 'vitest';
import { lockKey } from '../../../relay-cdc/leadership.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { TestBroker } from './broker.ts';
import { insertRows, isStreaming, numbered, RelayFixture } from './fixture.ts';

test('a standby has no producer and publishes nothing, and takes over when the leader hands over', async () => {
  await using fixture = await RelayFixture.create();
  const leader = await fixture.lead();
  const standby = await fixture.start();
  await insertRows(fixture.pool, numbered('a', 50));
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 10_000 });
  expect(standby.broker.connects).toBe(0);
  expect(standby.status.get()).toMatchObject({ ready: true, role: 'standby' });
  expect(await standby.metric('workflow_engine_dispatch_relay_leader')).toBe(0);
  await leader.stop();
  await insertRows(fixture.pool, ['b']);
  await waitFor(() => standby.broker.values().includes('b'), { within: 15_000 });
  expect(standby.broker.values()).toEqual(['b']);
  expect(standby.broker.seen[0]?.headers.get('epoch')).toBe('2');
  expect(await standby.metric('workflow_engine_dispatch_relay_leader')).toBe(1);
});

test('a leader whose session is ended publishes nothing more in that term', async () => {
  await using fixture = await RelayFixture.create();
  const broker = new TestBroker();
  const leader = await fixture.lead({ broker, env: { WE_RELAY_BATCH_MESSAGES: '1' } });
  const standby = await fixture.start();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  broker.gate = () => released;
  await insertRows(fixture.pool, numbered('a', 20));
  await waitFor(() => leader.broker.batches.length === 0 && isStreaming(leader), { within: 15_000 });
  await fixture.pool.query(
    'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1',
    [fixture.slot],
  );
  await waitFor(() => !isStreaming(leader), { within: 15_000, what: 'the leader to notice' });
  release();
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 15_000 });
  // The publish under way when the lock was lost may have gone through; none was begun after it.
  const ofFirstTerm = broker.seen.filter(({ headers }) => headers.get('epoch') === '1');
  expect(ofFirstTerm.length).toBeLessThanOrEqual(1);
  const all = [...broker.values(), ...standby.broker.values()];
  expect(new Set(all)).toEqual(new Set(numbered('a', 20)));
});

test('lock and stream are one session of the server', async () => {
  await using fixture = await RelayFixture.create();
  await fixture.lead();
  const key = BigInt.asUintN(64, lockKey(fixture.slot));
  const { rows } = await fixture.pool.query<{ same: boolean }>(
    `
    select pg_locks.pid = pg_replication_slots.active_pid as same
    from pg_locks, pg_replication_slots
    where locktype = 'advisory' and classid = $1::bigint::oid and objid = $2::bigint::oid and slot_name = $3
    `,
    [(key >> 32n).toString(), (key & 0xffffffffn).toString(), fixture.slot],
  );
  expect(rows).toEqual([{ same: true }]);
});

test('roles run with the leader, are told its term, and stop with it', async () => {
  await using fixture = await RelayFixture.create();
  const seen: string[] = [];
  const role = {
    name: 'watcher',
    run: async (signal: AbortSignal, term: bigint) => {
      seen.push(`start ${term}`);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      seen.push(`stop ${term}`);
    },
  };
  const leader = await fixture.lead({ roles: [role] });
  const standby = await fixture.start({ roles: [role] });
  await leader.stop();
  await waitFor(() => isStreaming(standby), { within: 15_000 });
  expect(seen).toEqual(['start 1', 'stop 1', 'start 2']);
});

test('a session left behind on the slot by a leader without the lock is ended', async () => {
  await using fixture = await RelayFixture.create();
  const first = await fixture.lead();
  await first.stop();
  const zombie = await openZombie(fixture);
  const next = await fixture.lead();
  await insertRows(fixture.pool, ['a']);
  await waitFor(() => next.broker.values().includes('a'), { within: 10_000 });
  zombie.destroy();
});

/** Streams from the slot without having asked for the lock. */
async function openZombie(fixture: RelayFixture): Promise<{ destroy(): void }> {
  const { ReplicationConnection } = await import('../../../relay-cdc/replication-connection.ts');
  const { OwnWalSession } = await import('../../../relay-cdc/session.ts');
  const { NO_LSN } = await import('../../../relay-cdc/lsn.ts');
  const connection = await ReplicationConnection.open(fixture.db);
  const session = new OwnWalSession(connection, {
    slot: fixture.slot,
    publication: 'millrace_outbox',
    start: NO_LSN,
    shard: { index: 0, of: 1 },
  });
  const nothing = (): void => undefined;
  session
    .run({ begin: nothing, insert: nothing, commit: nothing, keepalive: nothing, readEnd: nothing })
    .catch(nothing);
  await waitFor(
    async () => {
      const { rowCount } = await fixture.pool.query(
        'select from pg_replication_slots where slot_name = $1 and active',
        [fixture.slot],
      );
      return rowCount === 1;
    },
    { within: 15_000 },
  );
  return connection;
}
