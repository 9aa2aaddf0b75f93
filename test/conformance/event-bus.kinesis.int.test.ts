import { deepEqual } from 'node:assert/strict';
import { ListShardsCommand, MergeShardsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { KinesisMessageLog } from '../../adapters/kinesis/message-log.ts';
import { openLogBus } from '../../adapters/open-log-bus.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { logNameOf } from '../../engine/log-bus/log-name.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import {
  Member,
  message,
  newConsumer,
  newStream,
  numbers,
} from '../../sdk/testing/conformance/event-bus.fixtures.ts';
import { type BusUnderTest, eventBusSuite } from '../../sdk/testing/conformance/event-bus.suite.ts';
import { createDatabase, type TestDatabase } from '../helpers/database.ts';
import { startKinesis, type TestKinesis } from '../helpers/kinesis.ts';
import { waitFor } from '../helpers/wait-for.ts';

let database: TestDatabase;
let kinesis: TestKinesis;

beforeAll(async () => {
  database = await createDatabase();
  kinesis = await startKinesis();
});

afterAll(async () => {
  await kinesis[Symbol.asyncDispose]();
  await database.drop();
});

async function open(readRecords = 1_000): Promise<BusUnderTest & AsyncDisposable> {
  const cleanup = new AsyncDisposableStack();
  const openOne = () => {
    const client = kinesis.client();
    const log = new KinesisMessageLog({
      client,
      clock: systemClock,
      shards: 2,
      readEveryMs: 20,
      readRecords,
    });
    const deps = { clock: systemClock, logger: silentLogger, maxMessageBytes: 10_000, intervalMs: 50 };
    const { bus, close } = openLogBus(log, { dsn: database.dsn, poolSize: 5 }, deps);
    cleanup.defer(close);
    return bus;
  };
  return {
    buses: [openOne(), openOne()],
    tooLarge: 16_000,
    within: 30_000,
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}

eventBusSuite('Kinesis', { describe, it, open });

it('keeps the order of every key when shards were split and merged', async () => {
  // Of a parent there is more to read when its children could be read already.
  await using subject = await open(4);
  const [bus, other] = subject.buses;
  const stream = await newStream(subject);
  const ref = await newConsumer(subject, stream);
  const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
  const publishRounds = async (from: number, to: number) => {
    for (const text of numbers(to).slice(from)) {
      await bus.publish(keys.map((key) => message(`${stream}.x`, text, { key })));
    }
  };
  await publishRounds(0, 8);
  await splitAndMerge(stream);
  await publishRounds(8, 12);
  await using cleanup = new AsyncDisposableStack();
  const first = cleanup.use(new Member(subject, bus, ref));
  await first.until(({ texts }) => texts.length >= 10, 'some of the first');
  // Another member takes over in the middle of it.
  await first.stop();
  const second = cleanup.use(new Member(subject, other, ref));
  await publishRounds(12, 14);
  const all = () => [...first.deliveries, ...second.deliveries];
  await waitFor(() => all().length >= keys.length * 14, { within: 30_000, what: 'all of all shards' });
  for (const key of keys) {
    const texts = all().filter((one) => one.key === key);
    deepEqual(
      texts.map(({ payload }) => payload.toString()),
      numbers(14),
    );
  }
});

/** The first shard in two, and one of these with the second. */
async function splitAndMerge(stream: string): Promise<void> {
  const client = kinesis.client();
  const StreamName = logNameOf(stream);
  const shards = async () => (await client.send(new ListShardsCommand({ StreamName }))).Shards ?? [];
  const [one, two] = await shards();
  const { StartingHashKey = '0', EndingHashKey = '0' } = one?.HashKeyRange ?? {};
  const middle = String((BigInt(StartingHashKey) + BigInt(EndingHashKey)) / 2n);
  const ShardToSplit = one?.ShardId;
  await client.send(new SplitShardCommand({ StreamName, ShardToSplit, NewStartingHashKey: middle }));
  await waitFor(async () => (await shards()).length === 4, { within: 30_000, what: 'the shard to be split' });
  const upper = (await shards()).find(({ HashKeyRange }) => HashKeyRange?.StartingHashKey === middle);
  await client.send(
    new MergeShardsCommand({
      StreamName,
      ShardToMerge: upper?.ShardId,
      AdjacentShardToMerge: two?.ShardId,
    }),
  );
  await waitFor(async () => (await shards()).length === 5, {
    within: 30_000,
    what: 'the shards to be merged',
  });
  client.destroy();
}
