import { expect, test } from 'vitest';
import { waitFor } from '../helpers/wait-for.ts';
import { insertRows, numbered, RelayFixture } from '../int/relay-cdc/fixture.ts';
import { BrokerFile } from './relay-process.ts';

/** Longer than the server waits for a sign of life of the leader. */
const TAKEOVER_MS = 20_000;

test('a leader that is frozen past its replacement publishes nothing new when it wakes', {
  timeout: 60_000,
}, async () => {
  await using fixture = await RelayFixture.create();
  await using broker = await BrokerFile.create();
  const frozen = await broker.relay(fixture.env());
  await broker.relay(fixture.env());
  await insertRows(fixture.pool, numbered('before', 50));
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 10_000 });
  frozen.kill('SIGSTOP');
  await insertRows(fixture.pool, numbered('meanwhile', 500));
  await waitFor(async () => (await fixture.outboxRows()) === 0, {
    within: TAKEOVER_MS,
    what: 'the standby to take over',
  });
  const epochOfNext = (await broker.lines()).at(-1)?.epoch ?? 0;
  frozen.kill('SIGCONT');
  const said: string[] = [];
  frozen.on('message', (line) => said.push(String(line)));
  await waitFor(() => said.some((line) => line.includes('has ended')), {
    within: 2_000,
    what: 'the old leader to notice',
  });
  await insertRows(fixture.pool, numbered('after', 50));
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 10_000 });
  const lines = await broker.lines();
  const values = [...numbered('before', 50), ...numbered('meanwhile', 500), ...numbered('after', 50)];
  expect([...new Set(lines.map(({ value }) => value))].sort()).toEqual([...values].sort());
  const firstOfNext = lines.findIndex(({ epoch }) => epoch === epochOfNext);
  const ofOldAfterwards = lines.slice(firstOfNext).filter(({ epoch }) => epoch < epochOfNext);
  expect(ofOldAfterwards).toEqual([]);
});
