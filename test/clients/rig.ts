import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll } from 'vitest';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { applyTopics } from '../../adapters/kafka/topics.ts';
import { type Child, startChild } from '../../cli/dev/child.ts';
import type { DispatchMode } from '../../engine/deps.ts';
import type { StepId } from '../../events/ids.ts';
import { jobTopic } from '../../events/topics.ts';
import { createDatabase, type TestDatabase } from '../helpers/database.ts';
import { kafkaBrokers } from '../helpers/kafka.ts';
import { waitFor } from '../helpers/wait-for.ts';
import type { Program } from './programs.ts';

export interface Worker {
  /** What it ran, in order; the same id again where it ran twice. */
  readonly ran: string[];
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface ClientsRig {
  readonly mode: DispatchMode;
  readonly database: Database;
  readonly apiUrl: string;
  readonly relay: Child | undefined;
  startWorker(program: Program): Promise<Worker>;
  run(program: Program, env: Readonly<Record<string, string>>): Promise<{ code: number | null; out: string }>;
  /** Starts an instance of two tasks, each of which fails at first unless told otherwise. Undefined when the API did not answer. */
  start(variables?: object): Promise<string | undefined>;
  killApi(): Promise<void>;
  /** What the process has logged so far in the words of the engine that the clients were written for. */
  engineLines(process: 'api' | 'relay'): Promise<string[]>;
  statuses(): Promise<Readonly<Record<string, number>>>;
  /** Until so many have completed, and none is left in another state. */
  untilCompleted(count: number): Promise<void>;
}

type Database = Pick<TestDatabase, 'dsn' | 'pool' | 'drop'>;

interface RigOptions {
  /** One of its own on the server of the run unless given. */
  readonly databaseOf?: () => Promise<Database>;
  readonly brokersOf?: () => readonly string[];
  readonly relayEnv?: Readonly<Record<string, string>>;
}

/** Processes as a user starts them, over a database of their own. Call it at the top of a suite. */
export function clientsRig(
  mode: DispatchMode,
  { brokersOf = kafkaBrokers, databaseOf = createDatabase, relayEnv = {} }: RigOptions = {},
): ClientsRig {
  const types = ['first', 'second'].map((name) => `${name}-${randomBytes(4).toString('hex')}`);
  const definition = `clients-${types[0]}`;
  const workers = new Set<ChildProcess>();
  let database: Database;
  let api: Child;
  let relay: Child | undefined;
  let directory: string;
  let env: Record<string, string> = {};

  beforeAll(async () => {
    database = await databaseOf();
    directory = await mkdtemp(join(tmpdir(), 'millrace-clients-'));
    env = environment(mode, {
      dsn: database.dsn,
      brokers: mode === 'polling' ? [] : brokersOf(),
      more: { ...relayEnv },
    });
    api = await startApi('0');
    await post('/v1/definitions', twoTasks(definition, types));
    if (mode === 'kafka_outbox') {
      await makeTopics();
      relay = await startChild('relay', { command: ['relay'], env, log: join(directory, 'relay.log') });
    }
  });
  afterAll(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await relay?.stop();
    await api?.stop();
    await database?.drop();
    await rm(directory, { recursive: true, force: true });
  });

  function startApi(port: string): Promise<Child> {
    const options = { command: ['api'], env: { ...env, WE_HTTP_PORT: port } };
    return startChild('api', { ...options, log: join(directory, 'api.log') });
  }

  async function makeTopics(): Promise<void> {
    const { rows } = await database.pool().query<{ type: StepId }>('select type from job_types');
    const wanted = { partitions: 2, replicationFactor: 1 };
    await applyTopics(
      readKafkaConfig(env),
      rows.map(({ type }) => ({ topic: jobTopic(type), ...wanted })),
    );
  }

  const url = () => String(api.addresses['apiUrl']);
  const post = (path: string, body: object) =>
    fetch(`${url()}${path}`, { method: 'POST', body: JSON.stringify(body) });
  const launch = (
    { command: [file, ...args], env: own }: Program,
    more: Readonly<Record<string, string>>,
  ) => {
    const child = spawn(file, args, {
      env: { ...process.env, ...own, ...env, ...more },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    workers.add(child);
    return child;
  };
  const statuses = async () => {
    const { rows } = await database
      .pool()
      .query<{ status: string; count: number }>(
        'select status, count(*)::integer as count from workflow_instances group by status',
      );
    return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  };
  return {
    mode,
    get database() {
      return database;
    },
    get apiUrl() {
      return url();
    },
    get relay() {
      return relay;
    },
    async startWorker(program) {
      const more = { ENGINE_REST_URL: url(), WORKER_ID: program.name, JOB_TYPES: types.join(',') };
      const grpc = { ENGINE_GRPC_HOST: new URL(String(api.addresses['grpcUrl'])).host };
      return started(launch(program, { ...more, ...grpc }));
    },
    async run(program, more) {
      const child = launch(program, { API_URL: url(), ...more });
      const lines: string[] = [];
      createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
      const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
      return { code, out: lines.join('\n') };
    },
    async start(variables = { flaky: true }) {
      const answer = await post('/v1/instances', { definitionId: definition, variables }).catch(
        () => undefined,
      );
      if (answer?.status !== 201) return undefined;
      return String(((await answer.json()) as { id: unknown }).id);
    },
    async killApi() {
      process.kill(api.pid, 'SIGKILL');
      await api.ended;
      api = await startApi(new URL(url()).port);
    },
    async engineLines(process) {
      const log = await readFile(join(directory, `${process}.log`), 'utf8');
      return [...log.matchAll(/"msg":"((?:engine|dispatch|kafka_outbox): [^"]+)"/g)].map(
        ([, line = '']) => line,
      );
    },
    statuses,
    async untilCompleted(count) {
      const isDone = async () => {
        const now = await statuses();
        return now['completed'] === count && Object.keys(now).length === 1;
      };
      await waitFor(isDone, { within: 120_000, what: `${count} instances to complete` });
    },
  };
}

async function started(child: ChildProcess): Promise<Worker> {
  const ran: string[] = [];
  let isReady = false;
  if (!child.stdout) throw new Error('the worker has no output');
  createInterface({ input: child.stdout }).on('line', (line) => {
    isReady ||= line === 'ready';
    if (line.startsWith('ran ')) ran.push(line.slice(4));
  });
  await waitFor(() => isReady, { within: 60_000, what: 'the worker to be ready' });
  return {
    ran,
    async kill(signal) {
      const gone = new Promise((resolve) => child.once('close', resolve));
      child.kill(signal);
      await gone;
    },
  };
}

function twoTasks(id: string, [first = '', second = '']: readonly string[]) {
  const task = { type: 'SERVICE_TASK', retryCount: 2 };
  return {
    id,
    name: 'Two tasks',
    steps: [
      { ...task, id: 'one', name: 'One', jobType: first, nextStep: 'two' },
      { ...task, id: 'two', name: 'Two', jobType: second, nextStep: 'end' },
      { id: 'end', name: 'End', type: 'END' },
    ],
  };
}

function environment(
  mode: DispatchMode,
  { dsn, brokers, more }: { dsn: string; brokers: readonly string[]; more: Record<string, string> },
): Record<string, string> {
  return {
    WE_POSTGRES_DSN: dsn,
    WE_DISPATCH_MODE: mode,
    WE_GRPC_PORT: '0',
    ...(mode === 'polling'
      ? {}
      : {
          WE_KAFKA_TRANSPORT: 'plaintext',
          WE_KAFKA_SEED_BROKERS: brokers.join(','),
          WE_RELAY_SLOT: `test_${randomBytes(6).toString('hex')}`,
          WE_METRICS_PORT: '0',
          ...more,
        }),
  };
}
