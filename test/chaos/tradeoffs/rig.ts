import { randomBytes, randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, vi } from 'vitest';
import { readKafkaConfig } from '../../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../../adapters/kafka/event-streamer.ts';
import type { DispatchMode } from '../../../engine/deps.ts';
import type { EventStreamer } from '../../../engine/ports/event-streamer.ts';
import { type Logger, silentLogger } from '../../../engine/ports/logger.ts';
import type { StepId } from '../../../events/ids.ts';
import { jobTopic } from '../../../events/topics.ts';
import { closeApp, compose } from '../../../functions/compose.ts';
import { runRelay } from '../../../relay-cdc/main.ts';
import { defineJob, type Job, KafkaRunner, PollingRunner } from '../../../sdk/index.ts';
import { kafkaBrokers } from '../../helpers/kafka.ts';
import { type Family, parsePage } from '../../helpers/prometheus.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { startApi } from '../../int/functions/http/api.ts';
import { type BusName, openBusStreamer } from './bus-streamer.ts';

export interface Stoppable {
  stop(): Promise<void>;
}

export interface RunningRelay extends Stoppable {
  metrics(): Promise<Map<string, Family>>;
  /** Settles when it ends by itself. */
  readonly ended: Promise<void>;
}

export interface RigOptions {
  /** Of the topic, which is made before the first test; none is made for 0 or with brokers of the test's own. */
  readonly partitions?: number;
  readonly brokers?: () => readonly string[];
  /** 10 unless given: short, so that what an outage has orphaned comes back while the test looks. */
  readonly leaseSeconds?: number;
}

/** One installation in this process: API, relay and workers on a database of its own, and a job type of its own. */
export class Rig {
  readonly type = `tradeoff-${randomBytes(5).toString('hex')}` as StepId;
  readonly topic = jobTopic(this.type);
  /** How often the handler ran, by job. */
  readonly runs = new Map<string, number>();
  /** What the handler does besides being counted. */
  onRun: (job: Job) => Promise<void> | void = () => undefined;
  /** Jobs that were answered with a 201. */
  readonly accepted = new Set<string>();
  readonly #api: ReturnType<typeof startApi>;
  readonly #slot = `test_${randomBytes(6).toString('hex')}`;
  readonly #open: Stoppable[] = [];
  readonly #leaseSeconds: number;
  #brokers: () => readonly string[];

  /** Call it at the top of a test file. */
  constructor(mode: DispatchMode, options: RigOptions = {}) {
    this.#brokers = options.brokers ?? kafkaBrokers;
    this.#leaseSeconds = options.leaseSeconds ?? 10;
    this.#api = startApi(mode);
    beforeAll(async () => {
      // The relay insists on a topic for each type there is.
      await this.pool.query('delete from job_types');
      await this.pool.query('insert into job_types (type) values ($1)', [this.type]);
      const { partitions = 1, brokers } = options;
      if (mode === 'kafka_outbox' && !brokers && partitions > 0) await this.createTopic(partitions);
    });
    afterAll(async () => {
      for (const one of this.#open.reverse()) await one.stop();
    });
  }

  get api() {
    return this.#api;
  }

  get pool() {
    return this.#api.database.pool();
  }

  async createTopic(partitions: number, config: Readonly<Record<string, string>> = {}): Promise<void> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    const topics = [{ topic: this.topic, numPartitions: partitions, configEntries }];
    const admin = new Kafka({ brokers: [...this.#brokers()], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.createTopics({ waitForLeaders: true, topics }).finally(() => admin.disconnect());
  }

  kafkaEnv(): Record<string, string> {
    return { WE_KAFKA_TRANSPORT: 'plaintext', WE_KAFKA_SEED_BROKERS: this.#brokers().join(',') };
  }

  /** As when the API is started anew with the other mode: what is under way may fail. */
  async switchTo(mode: DispatchMode): Promise<void> {
    vi.stubEnv('WE_DISPATCH_MODE', mode);
    await closeApp();
  }

  async enqueue(count: number, body: Readonly<Record<string, unknown>> = {}): Promise<string[]> {
    const jobs = Array.from({ length: count }, () => ({ type: this.type, payload: {}, ...body }));
    const { status, json } = await this.#api.post('/api/v1/jobs/batch', { jobs });
    if (status !== 201) throw new Error(`enqueueing was refused: ${JSON.stringify(json)}`);
    const ids = (json['jobs'] as { id: string }[]).map(({ id }) => id);
    for (const id of ids) this.accepted.add(id);
    return ids;
  }

  /**
   * Single jobs, again and again until it is stopped; what fails is repeated under its key, as clients do. The body is that of
   * a client's nth job, one after the other.
   */
  load(
    clients = 4,
    bodyOf: (client: number, nth: number) => Readonly<Record<string, unknown>> = () => ({}),
  ): Stoppable {
    let isOver = false;
    const running = Array.from({ length: clients }, async (_, client) => {
      let key = randomUUID();
      for (let nth = 0; !isOver; ) {
        const body = { type: this.type, payload: {}, idempotency_key: key, ...bodyOf(client, nth) };
        const answer = await this.#api.post('/api/v1/jobs', body).catch(() => undefined);
        if (answer?.status !== 201) continue;
        this.accepted.add(String(answer.json['id']));
        key = randomUUID();
        nth += 1;
      }
    });
    return this.#keep({
      stop: async () => {
        isOver = true;
        await Promise.all(running);
      },
    });
  }

  relayEnv(): Record<string, string> {
    return {
      WE_POSTGRES_DSN: this.#api.database.dsn,
      WE_DISPATCH_MODE: 'kafka_outbox',
      WE_RELAY_SLOT: this.#slot,
      WE_METRICS_PORT: '0',
      WE_LEADER_RETRY_INTERVAL: '100ms',
      WE_RELAY_BACKOFF_MIN: '100ms',
      WE_RELAY_BACKOFF_MAX: '500ms',
      WE_RELAY_LAG_INTERVAL: '200ms',
      ...this.kafkaEnv(),
    };
  }

  async relay(
    env: Readonly<Record<string, string>> = {},
    logger: Logger = silentLogger,
  ): Promise<RunningRelay> {
    const stop = new AbortController();
    const started = Promise.withResolvers<string>();
    const ended = runRelay(
      { ...this.relayEnv(), ...env },
      {
        signal: stop.signal,
        logger,
        write: () => undefined,
        onStarted: ({ metricsUrl }) => started.resolve(metricsUrl),
      },
    );
    ended.catch(started.reject);
    const url = await started.promise;
    const relay: RunningRelay = {
      ended,
      metrics: async () => parsePage(await (await fetch(url)).text()),
      stop: async () => {
        stop.abort();
        await ended.catch(() => undefined);
      },
    };
    this.#keep(relay);
    return relay;
  }

  async kafkaWorker(): Promise<Stoppable> {
    return this.#stream('kafka', createKafkaStreamer(readKafkaConfig(this.kafkaEnv())));
  }

  /** On what the relay publishes to with the same environment. */
  async busWorker(name: BusName, env: Readonly<Record<string, string>> = {}): Promise<Stoppable> {
    const { streamer, close } = await openBusStreamer(name, this.#api.database.dsn, env);
    return this.#stream(name, streamer, close);
  }

  async pollingWorker(): Promise<Stoppable> {
    const runner = new PollingRunner(this.#worker('polling'));
    await runner.start();
    return this.#keep(runner);
  }

  /** What `millrace api` does beside serving in polling mode: timers, expired leases. */
  duties(): Stoppable {
    const stop = new AbortController();
    const running = compose().duties(stop.signal);
    return this.#keep({
      stop: async () => {
        stop.abort();
        await running;
      },
    });
  }

  /** Of those that were accepted, by status. */
  async statuses(): Promise<Record<string, number>> {
    const { rows } = await this.pool.query<{ status: string; count: number }>(
      'select status, count(*)::int as count from jobs where id = any ($1::uuid[]) group by status',
      [[...this.accepted]],
    );
    return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  }

  async completed(): Promise<number> {
    return (await this.statuses())['completed'] ?? 0;
  }

  /** Until everything that was accepted has completed. */
  async drained(within = 60_000): Promise<void> {
    await waitFor(
      async () => {
        const statuses = await this.statuses();
        if (statuses['completed'] === this.accepted.size) return true;
        throw new Error(`${this.accepted.size} accepted, ${JSON.stringify(statuses)}`);
      },
      { within, what: 'every accepted job to complete' },
    );
  }

  /** Messages in the outbox. */
  async backlog(): Promise<number> {
    const { rows } = await this.pool.query<{ count: number }>(
      'select coalesce(sum(message_count), 0)::int as count from dispatch_outbox',
    );
    return rows[0]?.count ?? -1;
  }

  /** Jobs whose handler ran more than once. */
  ranTwice(): string[] {
    return [...this.runs].filter(([, times]) => times > 1).map(([id]) => id);
  }

  #worker(workerId: string) {
    const handler = defineJob(async ({ job }) => {
      this.runs.set(job.id, (this.runs.get(job.id) ?? 0) + 1);
      await this.onRun(job);
      return null;
    });
    const leaseSeconds = this.#leaseSeconds;
    return { handlers: { [this.type]: handler }, apiUrl: this.#api.url, workerId, leaseSeconds };
  }

  async #stream(name: string, streamer: EventStreamer, close?: () => Promise<void>): Promise<Stoppable> {
    const runner = new KafkaRunner({ streamer, ...this.#worker(name) });
    await runner.start();
    let stopping: Promise<void> | undefined;
    const stop = () => {
      stopping ??= runner.stop().finally(close);
      return stopping;
    };
    return this.#keep({ stop });
  }

  #keep<T extends Stoppable>(one: T): T {
    this.#open.push(one);
    return one;
  }
}
