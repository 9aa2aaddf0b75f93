import type { ChildProcess } from 'node:child_process';
import { expect, test } from 'vitest';
import { percentile } from '../bench/statistics.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';
import { soakProgress, soakResult } from '../soak/report.ts';
import { checkHistory } from './history.ts';
import { BrokerFile, kill } from './relay-process.ts';
import { Workload } from './workload.ts';

/** A dozen by default; the long run has thousands. */
const KILLS = Number(process.env['WE_CHAOS_KILLS'] ?? 12);
const KILLS_A_HISTORY = 100;
const RESTARTS = 6;
/** What may be repeated after one crash: what was published and not cleared (4,000 messages), and one batch (2,000). */
const DUPLICATES_PER_KILL = 6_000;
/** No promise about speed: what a loaded machine may take. */
const TAKEOVER_MS = 30_000;

async function epochs(broker: BrokerFile): Promise<number> {
  return (await broker.lines()).reduce((latest, { epoch }) => Math.max(latest, epoch), 0);
}

async function publishMore(broker: BrokerFile, count: number): Promise<void> {
  const published = (await broker.lines()).length;
  await waitFor(async () => (await broker.lines()).length > published + count, {
    within: TAKEOVER_MS,
    what: `${count} more messages`,
  });
}

async function drained(fixture: RelayFixture): Promise<void> {
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 60_000, what: 'an empty outbox' });
}

/** A history of its own each, so that a long run need not hold all of it. */
const ROUNDS = Array.from({ length: Math.ceil(KILLS / KILLS_A_HISTORY) }, (_, round) => ({
  kills: Math.min(KILLS_A_HISTORY, KILLS - round * KILLS_A_HISTORY),
  before: round * KILLS_A_HISTORY,
}));

test.each(ROUNDS)(
  'kill -9 of the leader at random points, $kills times, loses nothing and breaks no order',
  {
    timeout: 120_000 + KILLS_A_HISTORY * 20_000,
  },
  async ({ kills, before: killed }) => {
    await using fixture = await RelayFixture.create();
    await using broker = await BrokerFile.create();
    const env = fixture.env({ WE_LEADER_RETRY_INTERVAL: '1s', WE_RELAY_HEARTBEAT_INTERVAL: '1s' });
    const relays: ChildProcess[] = [await broker.relay(env), await broker.relay(env)];
    await using work = new Workload({ dsn: () => fixture.db.dsn, connections: 2 });
    work.start();
    const gaps: number[] = [];
    for (let round = 0; round < kills; round += 1) {
      await publishMore(broker, Math.floor(Math.random() * 500));
      const leader = relays.shift();
      if (!leader) throw new Error('no relay left');
      const before = await epochs(broker);
      await kill(leader, 'SIGKILL');
      const killedAt = Date.now();
      const next = await waitFor(async () => (await broker.lines()).find(({ epoch }) => epoch > before), {
        within: TAKEOVER_MS,
        what: 'the standby to publish',
      });
      gaps.push(next.at - killedAt);
      if ((round + 1) % 10 === 0) soakProgress(`${killed + round + 1} of ${KILLS} kills`);
      relays.push(await broker.relay(env));
    }
    await work.stop();
    await drained(fixture);
    const promises = { duplicates: kills * DUPLICATES_PER_KILL, left: await fixture.outboxRows() };
    const verdict = checkHistory(work.written, await broker.lines(), promises);
    const sorted = gaps.toSorted((a, b) => a - b);
    const takeover = `takeover p50 ${percentile(sorted, 0.5)} ms, slowest ${sorted.at(-1)} ms`;
    const found = `${verdict.messages} messages: 0 lost, ${verdict.duplicates} repeated, ${takeover}`;
    console.info(`${kills} kills, ${found}`);
    soakResult(`kills ${killed + 1} to ${killed + kills}: ${found}`);
  },
);

test('a rolling restart of two replicas repeats nothing and loses nothing', {
  timeout: 120_000,
}, async () => {
  await using fixture = await RelayFixture.create();
  await using broker = await BrokerFile.create();
  const env = fixture.env({ WE_RELAY_HEARTBEAT_INTERVAL: '500ms' });
  const relays: ChildProcess[] = [await broker.relay(env), await broker.relay(env)];
  await using work = new Workload({ dsn: () => fixture.db.dsn, connections: 2 });
  work.start();
  for (let round = 0; round < RESTARTS; round += 1) {
    await publishMore(broker, 200);
    const leader = relays.shift();
    if (!leader) throw new Error('no relay left');
    await kill(leader, 'SIGTERM');
    expect(leader.exitCode).toBe(0);
    relays.push(await broker.relay(env));
  }
  await work.stop();
  await drained(fixture);
  checkHistory(work.written, await broker.lines(), { duplicates: 0, left: await fixture.outboxRows() });
  expect(await epochs(broker)).toBeGreaterThan(RESTARTS);
});
