import { expect, test } from 'vitest';
import { waitFor } from '../helpers/wait-for.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';
import { checkHistory } from './history.ts';
import { BrokerFile } from './relay-process.ts';
import { Workload } from './workload.ts';

/** Longer than the server waits for a sign of life of the leader. */
const TAKEOVER_MS = 30_000;
const DUPLICATES = 6_000;

test('a leader that is frozen past its replacement publishes nothing new when it wakes', {
  timeout: 90_000,
}, async () => {
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
  frozen.kill('SIGSTOP');
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
  expect(ofOldAfterwards).toEqual([]);
});
