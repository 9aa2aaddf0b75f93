import type { ChildProcess } from 'node:child_process';
import { expect, test } from 'vitest';
import { waitFor } from '../helpers/wait-for.ts';
import { insertRows, RelayFixture } from '../int/relay-cdc/fixture.ts';
import { BrokerFile, kill, type PublishedLine } from './relay-process.ts';

const KILLS = 8;
/** What may be repeated after one crash: what was published and not cleared (4,000 messages), and one batch (2,000). */
const DUPLICATES_PER_KILL = 6_000;
const TAKEOVER_MS = 5_000;

/** Inserts without pause, one transaction after the other, until told to stop. */
function load(fixture: RelayFixture): AsyncDisposable & { committed: string[]; stop(): Promise<void> } {
  const committed: string[] = [];
  let isOver = false;
  const running = (async () => {
    for (let round = 0; !isOver; round += 1) {
      const values = Array.from({ length: 1 + (round % 7) }, (_, index) => `v-${round}-${index}`);
      await insertRows(fixture.pool, values);
      committed.push(...values);
    }
  })();
  const stop = async (): Promise<void> => {
    isOver = true;
    await running;
  };
  return { committed, stop, [Symbol.asyncDispose]: stop };
}

test('kill -9 of the leader under load loses nothing, and the standby publishes within 5 s', {
  timeout: 120_000,
}, async () => {
  await using fixture = await RelayFixture.create();
  await using broker = await BrokerFile.create();
  const env = fixture.env({ WE_LEADER_RETRY_INTERVAL: '1s', WE_RELAY_HEARTBEAT_INTERVAL: '1s' });
  const relays: ChildProcess[] = [await broker.relay(env), await broker.relay(env)];
  await using work = load(fixture);
  const gaps: number[] = [];
  for (let round = 0; round < KILLS; round += 1) {
    const published = (await broker.lines()).length;
    await waitFor(async () => (await broker.lines()).length > published + 50 * (1 + round), {
      within: 20_000,
    });
    const leader = relays.shift();
    if (!leader) throw new Error('no relay left');
    const terms = (await broker.lines()).reduce((latest, { epoch }) => Math.max(latest, epoch), 0);
    await kill(leader, 'SIGKILL');
    const killedAt = Date.now();
    const next = await waitFor(async () => (await broker.lines()).find(({ epoch }) => epoch > terms), {
      within: 20_000,
    });
    gaps.push(next.at - killedAt);
    relays.push(await broker.relay(env));
  }
  await work.stop();
  await waitFor(async () => (await fixture.outboxRows()) === 0, {
    within: 30_000,
    what: 'the outbox to be empty',
  });
  const lines = await broker.lines();
  const counts = countByValue(lines);
  expect(work.committed.filter((value) => !counts.has(value))).toEqual([]);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(TAKEOVER_MS);
  expect(lines.length - counts.size).toBeLessThanOrEqual(KILLS * DUPLICATES_PER_KILL);
  console.info(
    `${KILLS} kills, ${counts.size} messages, ${lines.length - counts.size} duplicates, takeovers ${gaps.join(', ')} ms`,
  );
});

test('a rolling restart with SIGTERM repeats nothing and loses nothing', { timeout: 120_000 }, async () => {
  await using fixture = await RelayFixture.create();
  await using broker = await BrokerFile.create();
  const env = fixture.env({ WE_RELAY_HEARTBEAT_INTERVAL: '500ms' });
  const relays: ChildProcess[] = [await broker.relay(env), await broker.relay(env)];
  await using work = load(fixture);
  for (let round = 0; round < 6; round += 1) {
    const published = (await broker.lines()).length;
    await waitFor(async () => (await broker.lines()).length > published + 200, { within: 20_000 });
    const leader = relays.shift();
    if (!leader) throw new Error('no relay left');
    await kill(leader, 'SIGTERM');
    expect(leader.exitCode).toBe(0);
    relays.push(await broker.relay(env));
  }
  await work.stop();
  await waitFor(async () => (await fixture.outboxRows()) === 0, {
    within: 30_000,
    what: 'the outbox to be empty',
  });
  const lines = await broker.lines();
  const counts = countByValue(lines);
  expect(work.committed.filter((value) => !counts.has(value))).toEqual([]);
  expect(lines.length).toBe(counts.size);
});

function countByValue(lines: readonly PublishedLine[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { value } of lines) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
