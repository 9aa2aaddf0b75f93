import type { ChildProcess } from 'node:child_process';
import { expect, test } from 'vitest';
import { waitFor } from '../helpers/wait-for.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';
import { checkHistory } from './history.ts';
import { BrokerFile } from './relay-process.ts';
import { Workload } from './workload.ts';

/** Longer than the server waits for a sign of life of the leader. */
const TAKEOVER_MS = 30_000;
const DUPLICATES = 6_000;

interface Freeze {
  readonly when: string;
  readonly freeze: (relay: ChildProcess) => void;
  /** To the broker, of which no more is known than that they were begun before: such a call cannot be called back. */
  readonly callsOnTheirWay: number;
}

const freezes: readonly Freeze[] = [
  { when: 'between two calls to the broker', freeze: (relay) => relay.send('freeze'), callsOnTheirWay: 0 },
  { when: 'at any point', freeze: (relay) => relay.kill('SIGSTOP'), callsOnTheirWay: 1 },
];

test.concurrent.for(freezes)(
  'a leader that is frozen $when, past its replacement, publishes nothing new when it wakes',
  {
    timeout: 90_000,
  },
  async ({ freeze, callsOnTheirWay }) => {
    await using fixture = await RelayFixture.create();
    await using broker = await BrokerFile.create();
    const drained = (within: number) =>
      waitFor(async () => (await fixture.outboxRows()) === 0, { within, what: 'an empty outbox' });
    const frozen = await broker.relay(fixture.env());
    await broker.relay(fixture.env());
    await using work = new Workload({ dsn: () => fixture.db.dsn });
    await work.burst(20);
    await drained(15_000);
    // Frozen in the midst of its work, with rows queued.
    work.start();
    const before = (await broker.lines()).length;
    await waitFor(async () => (await broker.lines()).length > before + 100, { within: 15_000 });
    freeze(frozen);
    await work.stop();
    await work.burst(100);
    await drained(TAKEOVER_MS);
    const epochOfNext = (await broker.lines()).at(-1)?.epoch ?? 0;
    frozen.kill('SIGCONT');
    const said: string[] = [];
    frozen.on('message', (line) => said.push(String(line)));
    await waitFor(() => said.some((line) => line.includes('has ended')), {
      within: 10_000,
      what: 'the old leader to notice',
    });
    await work.burst(20);
    await drained(15_000);
    const lines = await broker.lines();
    checkHistory(work.written, lines, { duplicates: DUPLICATES, left: await fixture.outboxRows() });
    const firstOfNext = lines.findIndex(({ epoch }) => epoch === epochOfNext);
    const ofOldAfterwards = lines.slice(firstOfNext).filter(({ epoch }) => epoch < epochOfNext);
    const calls = new Set(ofOldAfterwards.map(({ call }) => call));
    expect(calls.size, JSON.stringify(ofOldAfterwards.slice(0, 10))).toBeLessThanOrEqual(callsOnTheirWay);
  },
);
