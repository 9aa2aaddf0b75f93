import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import type { StepId } from '../../events/ids.ts';
import { jobTopic } from '../../events/topics.ts';
import { createDatabase } from '../helpers/database.ts';
import { createTopics, describeKafka, kafkaBrokers, readTopic, uniqueTopic } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { packOf } from '../int/relay-cdc/fixture.ts';
import { kill } from './relay-process.ts';

const ROOT = join(import.meta.dirname, '..', '..');

failOnLeftoverProcesses();

/** `millrace relay`, as a user starts it. Resolves with its boot log once it has started. */
async function startRelay(env: Record<string, string>): Promise<{ child: ChildProcess; lines: string[] }> {
  const child = spawn(process.execPath, [join(ROOT, 'cli', 'main.ts'), 'relay'], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout ?? process.stdin }).on('line', (line) => lines.push(line));
  await waitFor(() => lines.some((line) => line.includes('relay started')), {
    within: 20_000,
    what: 'the relay',
  });
  return { child, lines };
}

describeKafka('two relays on Kafka', () => {
  test('kill -9 of the leader under load: the standby publishes within 5 s, nothing is lost', {
    timeout: 90_000,
  }, async () => {
    await using db = await createDatabase();
    const type = uniqueTopic('kill') as StepId;
    const topic = jobTopic(type);
    await db.pool().query('insert into job_types (type) values ($1)', [type]);
    await createTopics([{ topic, partitions: 3 }]);
    const env = {
      WE_POSTGRES_DSN: db.dsn,
      WE_DISPATCH_MODE: 'kafka_outbox',
      WE_KAFKA_TRANSPORT: 'plaintext',
      WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(','),
      WE_RELAY_SLOT: `test_${randomBytes(6).toString('hex')}`,
      WE_METRICS_PORT: '0',
    };
    const leader = await startRelay(env);
    const standby = await startRelay(env);
    expect(leader.lines).toContain('[dispatch] relay started; this replica is leader=true');
    expect(standby.lines).toContain('[dispatch] relay started; this replica is leader=false');

    const sent: string[] = [];
    let isOver = false;
    const load = (async () => {
      for (let round = 0; !isOver; round += 1) {
        const values = Array.from({ length: 10 }, (_, index) => `v-${round}-${index}`);
        await db
          .pool()
          .query('insert into dispatch_outbox (topic, message_count, messages) values ($1, 10, $2)', [
            topic,
            packOf(values, `key-${round % 20}`),
          ]);
        sent.push(...values);
      }
    })();
    await waitFor(async () => (await readTopic(topic)).length > 1_000, { within: 20_000 });
    await kill(leader.child, 'SIGKILL');
    const killedAt = Date.now();
    await waitFor(() => standby.lines.some((line) => line.includes('leader=true term=2')), {
      within: 10_000,
    });
    const taken = await waitFor(
      async () => (await readTopic(topic)).find(({ headers }) => String(headers['epoch']) === '2'),
      { within: 10_000, what: 'the first record of the new term' },
    );
    expect(taken.timestamp - killedAt).toBeLessThanOrEqual(5_000);
    isOver = true;
    await load;
    await waitFor(
      async () => {
        const { rows } = await db
          .pool()
          .query<{ left: number }>('select count(*)::int as left from dispatch_outbox');
        return rows[0]?.left === 0;
      },
      { within: 30_000, what: 'the outbox to be empty' },
    );
    const received = (await readTopic(topic)).map(({ value }) => String(value));
    const distinct = new Set(received);
    expect(sent.filter((value) => !distinct.has(value))).toEqual([]);
    expect(distinct.size).toBe(sent.length);
    const exit = once(standby.child, 'exit');
    await kill(standby.child, 'SIGTERM');
    expect((await exit)[0]).toBe(0);
    console.info(
      `${sent.length} messages, ${received.length - sent.length} duplicates, takeover ${taken.timestamp - killedAt} ms`,
    );
  });
});
