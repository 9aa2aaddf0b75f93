import {
  CreateStreamCommand,
  DecreaseStreamRetentionPeriodCommand,
  DescribeStreamSummaryCommand,
  IncreaseStreamRetentionPeriodCommand,
  type KinesisClient,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis';
import { MillraceError } from '../../engine/errors.ts';
import { logNameOf } from '../../engine/log-bus/log-name.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { StreamSpec } from '../../engine/ports/event-bus.ts';
import type { LogMessage, LogReader, MessageLog } from '../../engine/ports/message-log.ts';
import { isAnyBehind } from './any-behind.ts';
import { isNamed, translate } from './errors.ts';
import { KinesisLogReader } from './log-reader.ts';
import { type KeyedRecord, placeOf, planRounds } from './record.ts';
import { LEAST_RETENTION_HOURS, retentionHours } from './retention.ts';

export interface KinesisLogOptions {
  readonly client: KinesisClient;
  readonly clock: Clock;
  /** Of each stream that is made; 1 unless given. */
  readonly shards?: number;
  /** Between two reads of a shard; 250 ms unless given: Kinesis allows five a second, to all readers together. */
  readonly readEveryMs?: number;
  /** Records of one read, at most; 1,000 unless given. */
  readonly readRecords?: number;
}

/** Of one request. */
const MAX_RECORDS = 500;
const MAX_REQUEST_BYTES = 4_500_000;
/** What is refused for being too much goes again, after a pause that grows. */
const TRIES = 10;
const PAUSE_MS = { first: 50, most: 2_000 };
const ACTIVE_WITHIN_TRIES = 600;
const ACTIVE_PAUSE_MS = 100;

/** A stream is the one of Kinesis named `millrace.bus.<stream>`. */
export class KinesisMessageLog implements MessageLog {
  readonly provider = 'kinesis';
  readonly #options: KinesisLogOptions;

  constructor(options: KinesisLogOptions) {
    this.#options = options;
  }

  async ensure({ name, maxAgeMs }: StreamSpec): Promise<void> {
    const { client, shards = 1 } = this.#options;
    const StreamName = logNameOf(name);
    try {
      await client
        .send(new CreateStreamCommand({ StreamName, ShardCount: shards }))
        .catch((error: unknown) => {
          if (!isNamed(error, 'ResourceInUseException')) throw error;
        });
      const hours = await this.#whenActive(StreamName);
      if (maxAgeMs === undefined) return;
      const wanted = retentionHours(maxAgeMs);
      const change = { StreamName, RetentionPeriodHours: wanted };
      if (wanted > hours) await client.send(new IncreaseStreamRetentionPeriodCommand(change));
      if (wanted < hours) await client.send(new DecreaseStreamRetentionPeriodCommand(change));
    } catch (error) {
      throw translate(error, `declaring ${StreamName}`);
    }
  }

  async append(messages: readonly LogMessage[]): Promise<readonly bigint[]> {
    const places = new Map<number, bigint>();
    const at = this.#options.clock.now().getTime();
    for (const [stream, indexes] of Map.groupBy(messages.keys(), (index) => messages[index]?.stream ?? '')) {
      const own = indexes.flatMap((index) => messages[index] ?? []);
      for (const round of planRounds(own, at)) {
        for (const request of requestsOf(round)) {
          for (const [local, place] of await this.#put(logNameOf(stream), request)) {
            places.set(indexes[local] ?? -1, place);
          }
        }
      }
    }
    return messages.map((_, index) => places.get(index) ?? 0n);
  }

  async read(stream: string, behind: ReadonlyMap<string, bigint>): Promise<LogReader> {
    const { client, clock, readEveryMs = 250, readRecords = 1_000 } = this.#options;
    return new KinesisLogReader({
      client,
      clock,
      readEveryMs,
      readRecords,
      stream: logNameOf(stream),
      behind,
    });
  }

  async countBehind(stream: string, behind: ReadonlyMap<string, bigint>): Promise<number> {
    const { client, clock, readEveryMs = 250 } = this.#options;
    const name = logNameOf(stream);
    try {
      return (await isAnyBehind({ client, clock, readEveryMs }, name, behind)) ? 1 : 0;
    } catch (error) {
      throw translate(error, `reading ${name}`);
    }
  }

  async close(): Promise<void> {
    this.#options.client.destroy();
  }

  /** @returns hours it keeps records for */
  async #whenActive(StreamName: string): Promise<number> {
    const { client, clock } = this.#options;
    for (let tries = 0; tries < ACTIVE_WITHIN_TRIES; tries += 1) {
      const { StreamDescriptionSummary: found } = await client.send(
        new DescribeStreamSummaryCommand({ StreamName }),
      );
      if (found?.StreamStatus === 'ACTIVE') return found.RetentionPeriodHours ?? LEAST_RETENTION_HOURS;
      await clock.sleep(ACTIVE_PAUSE_MS);
    }
    throw new MillraceError(
      'stream_missing',
      `The stream ${StreamName} does not become active; look at it in AWS.`,
    );
  }

  /** Until all records of the request are stored. @returns the place of each message in them */
  async #put(StreamName: string, records: readonly KeyedRecord[]): Promise<Map<number, bigint>> {
    const { client, clock } = this.#options;
    const places = new Map<number, bigint>();
    let left = records;
    for (let tries = 0; left.length > 0; tries += 1) {
      const Records = left.map(({ partitionKey, data }) => ({ PartitionKey: partitionKey, Data: data }));
      const { Records: results = [] } = await client
        .send(new PutRecordsCommand({ StreamName, Records }))
        .catch((error: unknown) => {
          throw translate(error, `publishing to ${StreamName}`);
        });
      for (const [position, { indexes }] of left.entries()) {
        const number = results[position]?.SequenceNumber;
        if (!number) continue;
        for (const [nth, index] of indexes.entries()) places.set(index, placeOf(number, nth));
      }
      left = left.filter((_, position) => !results[position]?.SequenceNumber);
      if (left.length === 0) break;
      if (tries >= TRIES)
        throw refused(StreamName, results.find(({ ErrorMessage }) => ErrorMessage)?.ErrorMessage);
      await clock.sleep(Math.min(PAUSE_MS.most, PAUSE_MS.first * 2 ** tries));
    }
    return places;
  }
}

function refused(stream: string, reason = 'no reason was given'): MillraceError {
  return new MillraceError(
    'publish_failed',
    `Kinesis did not take all that was published to ${stream}: ${reason}. Give the stream more shards, or publish less.`,
    { retryable: true },
  );
}

function* requestsOf(records: readonly KeyedRecord[]): Generator<KeyedRecord[]> {
  let request: KeyedRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    if (
      request.length === MAX_RECORDS ||
      (request.length > 0 && bytes + record.data.length > MAX_REQUEST_BYTES)
    ) {
      yield request;
      [request, bytes] = [[], 0];
    }
    request.push(record);
    bytes += record.data.length + record.partitionKey.length;
  }
  yield request;
}
