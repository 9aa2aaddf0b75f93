import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../adapters/system/engine-deps.ts';
import { enqueueJobs } from '../../engine/commands/enqueue-jobs.ts';
import type { StepId } from '../../events/ids.ts';
import { jobTopic } from '../../events/topics.ts';
import { createDatabase, type TestDatabase } from '../helpers/database.ts';
import {
  createTopics,
  describeKafka,
  kafkaBrokers,
  readTopic,
  uniqueTopic,
  withAdmin,
} from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { kill } from './relay-process.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const KILLS = 5;
/** A call to the broker that was under way when the leader died may reach the log after it was read: one batch of each. */
const UNDER_WAY = 2_000;

failOnLeftoverProcesses();

interface Relay {
  readonly child: ChildProcess;
  readonly lines: string[];
}

async function startRelay(env: Record<string, string>): Promise<Relay> {
  const child = spawn(process.execPath, [join(ROOT, 'cli', 'main.ts'), 'relay'], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  await waitFor(() => lines.some((line) => line.includes('relay started')), { within: 20_000 });
  return { child, lines };
}

/** Batches of jobs, one after the other, until told to stop. @returns the ids of the messages by key */
function load(db: TestDatabase, type: StepId): { stop(): Promise<Map<string, string[]>> } {
  const engine = createEngineDeps(createPostgresRecordStore(db.pool()), 'kafka_outbox');
  const accepted = new Map<string, string[]>();
  let isOver = false;
  const running = (async () => {
    for (let round = 0; !isOver; round += 1) {
      const requests = Array.from({ length: 300 }, (_, index) => ({
        type,
        payload: '{}',
        maxRetries: 0,
        partitionKey: `key-${(round + index) % 100}`,
      }));
      for (const outcome of await enqueueJobs(engine, requests)) {
        const key = outcome.job.partitionKey ?? '';
        accepted.set(key, [...(accepted.get(key) ?? []), `${outcome.job.id}.1`]);
      }
    }
  })();
  running.catch(() => undefined);
  return {
    async stop() {
      isOver = true;
      await running;
      return accepted;
    },
  };
}

async function countRecords(topic: string): Promise<number> {
  const ends = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
  return ends.reduce((sum, { high }) => sum + Number(high), 0);
}

describeKafka('the tail of the log', () => {
  test('after kill -9 of leaders under load next to nothing is repeated, and nothing is lost', {
    timeout: 150_000,
  }, async () => {
    await using db = await createDatabase();
    const type = uniqueTopic('tail') as StepId;
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
    const relays = [await startRelay(env), await startRelay(env)];
    const work = load(db, type);
    try {
      for (let round = 0; round < KILLS; round += 1) {
        const before = await countRecords(topic);
        await waitFor(async () => (await countRecords(topic)) > before + 3_000, { within: 30_000 });
        const leader = relays.shift();
        if (!leader) throw new Error('no relay left');
        await kill(leader.child, 'SIGKILL');
        await waitFor(() => relays.some(({ lines }) => lines.some((line) => line.includes('leader=true'))), {
          within: 20_000,
        });
        relays.push(await startRelay(env));
      }
      const accepted = await work.stop();
      await waitFor(
        async () => {
          const { rows } = await db.pool().query('select from dispatch_outbox limit 1');
          return rows.length === 0;
        },
        { within: 40_000, what: 'an empty outbox' },
      );
      const { firsts, copies } = await firstCopies(topic);
      expect(firsts).toEqual(accepted);
      expect(copies).toBeLessThanOrEqual(KILLS * UNDER_WAY);
      const messages = [...accepted.values()].flat().length;
      console.info(`${KILLS} kills, ${messages} messages, ${copies} duplicates`);
    } finally {
      await work.stop().catch(() => undefined);
      await Promise.all(relays.map(({ child }) => kill(child, 'SIGKILL')));
    }
  });
});

/** Of each key in the order of the log; and how many records are copies of an earlier one. */
async function firstCopies(topic: string): Promise<{ firsts: Map<string, string[]>; copies: number }> {
  const firsts = new Map<string, string[]>();
  const known = new Set<string>();
  const records = await readTopic(topic);
  for (const { key, headers } of records) {
    const id = String(headers['dedup-id']);
    if (known.has(id)) continue;
    known.add(id);
    firsts.set(String(key), [...(firsts.get(String(key)) ?? []), id]);
  }
  return { firsts, copies: records.length - known.size };
}
