import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { KafkaServer } from '../../../cli/dev/backends/kafka.ts';
import type { Publisher } from '../../../engine/ports/event-streamer.ts';
import { drive, newTopic, readAll, recordsOf, type Tally } from './driving.ts';
import { heldBytes } from './held-bytes.ts';
import { expireProducers } from './producer-expiry.ts';
import { type ClientUnderTest, REAUTHENTICATION_MS, type Setting } from './setting.ts';

/** How much of each: little with every test run, much when asked for. */
export interface KitSize {
  readonly calls: number;
  readonly lostAnswers: number;
  readonly leaderChanges: number;
  readonly outageMs: number;
  readonly soakCalls: number;
  readonly reauthentications: number;
}

export interface KitClause {
  readonly id: string;
  readonly title: string;
  /** @returns what is worth knowing of how it passed. Rejects when the client fails. */
  readonly check: (client: ClientUnderTest, setting: Setting, size: KitSize) => Promise<string>;
}

const MEBIBYTE = 1024 * 1024;

/** What a client must do to be trusted with the relay's messages. One that fails any of the first three is out. */
export const kitClauses: readonly KitClause[] = [
  {
    id: 'KC-1',
    title: 'calls at once are stored or refused, and calls in a row are stored once and in order',
    check: async (client, { cluster }, { calls }) => {
      const open = () => client.plain(cluster.brokers);
      await callAtOnce(await open(), cluster.brokers, calls);
      return flawless(await drive({ brokers: cluster.brokers, open, calls, perCall: 1 }));
    },
  },
  {
    id: 'KC-2',
    title: 'a batch whose answer is lost is stored once',
    check: async (client, { proxy, proxied }, { lostAnswers }) => {
      let answers = 0;
      let lost = 0;
      const result = await drive({
        brokers: proxied,
        open: () => client.plain(proxied),
        calls: () => lost < lostAnswers,
        before: () => {
          proxy.onProduced(() => {
            answers += 1;
            if (answers % 3 !== 0 || lost >= lostAnswers) return 'pass';
            lost += 1;
            return 'lose';
          });
        },
        after: () => proxy.onProduced(() => 'pass'),
      });
      flawless(result);
      return `${lost} answers lost`;
    },
  },
  {
    id: 'KC-3',
    title: 'when leaders change nothing is lost and no order is broken',
    check: async (client, { cluster }, { leaderChanges }) => {
      let changing: Promise<void> | undefined;
      let isOver = false;
      const result = await drive({
        brokers: cluster.brokers,
        open: () => client.plain(cluster.brokers),
        calls: () => !isOver,
        before: () => {
          changing ??= restartInTurn(cluster, leaderChanges).finally(() => {
            isOver = true;
          });
        },
      }).finally(() => changing);
      return lossless(result);
    },
  },
  {
    id: 'KC-4',
    title: 'while no broker answers little memory is held, and afterwards nothing is missing',
    check: async (client, { cluster }, { outageMs }) => {
      const all = [0, 1, 2];
      let held = 0;
      let grown = 0;
      const result = await drive({
        brokers: cluster.brokers,
        open: () => client.plain(cluster.brokers),
        calls: 10,
        before: async (call) => {
          if (call !== 5) return;
          held = heldBytes();
          await Promise.all(all.map((index) => cluster.pauseBroker(index)));
          setTimeout(() => {
            grown = heldBytes() - held;
            void Promise.all(all.map((index) => cluster.resumeBroker(index)));
          }, outageMs);
        },
      });
      ok(grown < 16 * MEBIBYTE, `${Math.round(grown / MEBIBYTE)} MiB more are held during the outage`);
      return lossless(result);
    },
  },
  {
    id: 'KC-5',
    title: 'OUT_OF_ORDER_SEQUENCE_NUMBER and UNKNOWN_PRODUCER_ID lose nothing',
    check: async (client, { proxy, proxied }) => {
      const errors = [45, 59, 45, 59];
      let answers = 0;
      proxy.onProduced(() => {
        answers += 1;
        const errorCode = answers % 5 === 0 ? errors.pop() : undefined;
        return errorCode === undefined ? 'pass' : { errorCode };
      });
      const result = await drive({ brokers: proxied, open: () => client.plain(proxied), calls: 40 });
      proxy.onProduced(() => 'pass');
      equal(errors.length, 0, 'the errors were not all given');
      return lossless(result);
    },
  },
  {
    id: 'KC-6',
    title: 'a producer that the broker has forgotten publishes on',
    check: async (client, { proxied }) => {
      const topic = await newTopic(proxied);
      const publisher = await client.plain(proxied);
      await publisher.publish(recordsOf(topic, 0, 30));
      await expireProducers(proxied, topic);
      await publisher.publish(recordsOf(topic, 30, 30));
      await publisher.close();
      equal((await readAll(proxied, topic)).length, 60);
      return '';
    },
  },
  {
    id: 'KC-7',
    title: 'the login is renewed while it publishes',
    check: async (client, { cluster }, { reauthentications }) => {
      const end = performance.now() + REAUTHENTICATION_MS * (reauthentications + 0.5);
      const open = () => client.secured(cluster);
      const calls = () => performance.now() < end;
      return flawless(await drive({ brokers: cluster.brokers, open, calls }));
    },
  },
  {
    id: 'KC-8',
    title: 'of a batch only what is too large is refused',
    check: async (client, { cluster }) => {
      const topic = await newTopic(cluster.brokers);
      const publisher = await client.plain(cluster.brokers);
      const records = recordsOf(topic, 0, 20).map((record, index) =>
        index === 7 ? { ...record, value: Buffer.alloc(2_000_000) } : record,
      );
      const { refused } = await publisher.publish(records);
      await publisher.close();
      deepEqual(
        refused.map(({ index }) => index),
        [7],
      );
      const stored = await readAll(cluster.brokers, topic);
      equal(new Set(stored.map(({ value }) => value)).size, 19);
      return stored.length > 19 ? `${stored.length - 19} of its neighbours twice` : '';
    },
  },
  {
    id: 'KC-9',
    title: 'a close during a publish leaves no doubt of it, and nothing is published after it',
    check: async (client, { cluster }) => {
      const topic = await newTopic(cluster.brokers);
      const publisher = await client.plain(cluster.brokers);
      const underWay = publisher.publish(recordsOf(topic, 0, 200)).then(
        () => 'stored',
        () => 'rejected',
      );
      await publisher.close();
      const outcome = await underWay;
      await rejects(publisher.publish(recordsOf(topic, 200, 1)));
      const stored = (await readAll(cluster.brokers, topic)).length;
      if (outcome === 'stored') equal(stored, 200);
      return outcome;
    },
  },
  {
    id: 'KC-10',
    title: 'publishing on and on holds no more memory',
    check: async (client, { cluster }, { soakCalls }) => {
      let held = 0;
      let grown = 0;
      const open = () => client.plain(cluster.brokers);
      const before = (call: number): void => {
        // What is made once is made by then.
        if (call === Math.floor(soakCalls / 4)) held = heldBytes();
        if (call === soakCalls - 1) grown = heldBytes() - held;
      };
      flawless(await drive({ brokers: cluster.brokers, open, calls: soakCalls, before }));
      ok(grown < 8 * MEBIBYTE, `${Math.round(grown / MEBIBYTE)} MiB more are held`);
      return `${soakCalls} calls`;
    },
  },
  {
    id: 'KC-11',
    title: 'a key goes to the partition to which the Java client sends it',
    check: async (client, { cluster }) => {
      const topic = await newTopic(cluster.brokers);
      const publisher = await client.plain(cluster.brokers);
      const keys = Object.keys(javaHashes);
      await publisher.publish(
        keys.map((key) => ({ topic, key: Buffer.from(key), value: Buffer.from('0'), headers: [] })),
      );
      await publisher.close();
      const stored = await readAll(cluster.brokers, topic);
      equal(stored.length, keys.length);
      for (const { key, partition } of stored) {
        equal(partition, ((javaHashes[key] ?? 0) & 0x7fffffff) % 3, `the partition of ${key}`);
      }
      return '';
    },
  },
  {
    id: 'KC-12',
    title: 'no warning is given, and no rejection is left to nobody',
    check: async ({ name }, { cluster }) => {
      const topic = await newTopic(cluster.brokers);
      const child = join(import.meta.dirname, 'quiet-child.ts');
      const { stderr } = await run(process.execPath, [child, name, cluster.brokers[0] ?? '', topic]);
      equal(stderr, '');
      return '';
    },
  },
];

const run = promisify(execFile);

/** From Kafka's own UtilsTest.testMurmur2. */
const javaHashes: Readonly<Record<string, number>> = {
  '21': -973932308,
  foobar: -790332482,
  'a-little-bit-long-string': -985981536,
  'a-little-bit-longer-string': -1486304829,
  lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
  abc: 479470107,
};

/** The port takes one call at a time. What it does with more must be said, and be true. */
async function callAtOnce(publisher: Publisher, brokers: readonly string[], calls: number): Promise<void> {
  const topic = await newTopic(brokers);
  const outcomes = await Promise.allSettled(
    Array.from({ length: calls }, (_, index) => publisher.publish(recordsOf(topic, index, 1))),
  );
  const stored = await readAll(brokers, topic);
  await publisher.close();
  const resolved = outcomes.filter(({ status }) => status === 'fulfilled').length;
  equal(stored.length, resolved, 'as many are stored as were called stored');
  equal(new Set(stored.map(({ partition, offset }) => `${partition}-${offset}`)).size, resolved);
}

async function restartInTurn(cluster: KafkaServer, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) await cluster.restartBroker(time % 3);
}

function flawless(tally: Tally): string {
  const { lost, duplicates, disorder, rejected } = tally;
  ok(lost + duplicates + disorder + rejected === 0, said(tally));
  return '';
}

/** What is rejected is replayed and may come twice; nothing may be missing. */
function lossless(tally: Tally): string {
  ok(tally.lost + tally.disorder === 0, said(tally));
  return tally.rejected + tally.duplicates > 0 ? said(tally) : '';
}

function said({ lost, duplicates, disorder, rejected }: Tally): string {
  const parts = [
    [lost, 'lost'],
    [disorder, 'out of order'],
    [rejected, 'calls rejected'],
    [duplicates, 'duplicates'],
  ] as const;
  return parts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : [])).join(', ');
}
