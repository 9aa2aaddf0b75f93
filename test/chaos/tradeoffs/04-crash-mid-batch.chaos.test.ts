import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeKafka, readTopic } from '../../helpers/kafka.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { kill } from '../relay-process.ts';
import { Rig } from './rig.ts';

const rig = new Rig('kafka_outbox', { partitions: 2 });
const MAIN = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');

function startRelay() {
  const child = spawn(process.execPath, [MAIN, 'relay'], {
    env: { ...process.env, ...rig.relayEnv() },
    stdio: 'ignore',
  });
  return child;
}

describeKafka('a relay that is killed in the middle of a batch', () => {
  test('leaves duplicates in the topic at most, never a gap; no handler runs twice', {
    timeout: 180_000,
  }, async () => {
    await rig.kafkaWorker();
    for (let crash = 0; crash < 3; crash += 1) {
      const before = await rig.completed();
      await rig.enqueue(500);
      await rig.enqueue(500);
      const relay = startRelay();
      await waitFor(async () => (await rig.completed()) > before, { within: 40_000, what: 'dispatch' });
      await kill(relay, 'SIGKILL');
    }
    await rig.relay();
    await rig.drained(90_000);
    expect(rig.accepted.size).toBe(3_000);
    expect(rig.ranTwice()).toEqual([]);
    const keys = (await readTopic(rig.topic)).map(({ key }) => String(key));
    expect(new Set(keys)).toEqual(rig.accepted);
  });
});
