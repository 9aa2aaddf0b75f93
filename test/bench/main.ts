import { measureBackendCpu } from './backend-cpu.ts';
import { BUS_HEAD, benchBuses, benchPgChannel, benchThreeSteps } from './bus/bench.ts';
import { benchDialects, DIALECT_HEAD } from './dialects/bench.ts';
import { protocolIds } from './dialects/protocols.ts';
import { type BenchStack, describeMachine, startBenchStack } from './environment.ts';
import { benchGrowth } from './growth.ts';
import { type EnqueueResult, enqueueOverHttp } from './http-enqueue.ts';
import { benchHybrid } from './hybrid.ts';
import { benchLambda } from './lambda/bench.ts';
import { floorLatency, measureLatency, ourLatency } from './latency.ts';
import { benchLifecycle } from './lifecycle/bench.ts';
import { type LiveResult, whileRelayPublishes } from './live-relay.ts';
import { savePeerCharts } from './peers/peer-charts.ts';
import { benchPeerLatency, latencyTable, saveLatencyCharts } from './peers/peer-latency.ts';
import { benchPeers, peerTable } from './peers/peers.ts';
import { benchPickup, PICKUP_RATES } from './pickup.ts';
import { benchRelay } from './relay-bench.ts';
import { benchShards } from './shards.ts';
import { type Percentiles, spread } from './statistics.ts';
import { benchWorkflows } from './workflows/bench.ts';

/**
 * `npm run bench` runs everything; `npm run bench -- relay`, or `latency`, `http`, `hybrid`, `shards`, `peers`, `lifecycle`, `cpu`, `growth`,
 * `pickup`, `workflows`, `lambda`, `dialects`, `bus`, one part. `WE_BENCH_GROWTH` (10000,1000000) lists how many rows `growth` measures with, `WE_BENCH_HELD_SECONDS` (30) how
 * long it holds a transaction open, and `WE_BENCH_HELD_JOBS` (1000000) for how many jobs before.
 * `WE_BENCH_SHAPE_SCALE` (0.1) is by how much the shapes of `dialects` are scaled: 1 is 50,000 and 500,000 jobs and 50,000 workflows;
 * `WE_BENCH_PROTOCOLS` (api,rest,grpc) is over which protocols.
 * `WE_BENCH_LIVE` (10000,100000) lists how many instances live beside a step that is measured.
 * `WE_BENCH_ROUNDS` (3), `WE_BENCH_SECONDS` (10) and `WE_BENCH_MESSAGES` (1,000,000) make it shorter; `WE_BENCH_BACKLOGS` (10000) lists sizes of
 * backlog to drain besides, such as 10000,10000000. Figures go to the terminal as the tables of BENCHMARKS.md; `--save`
 * draws its charts anew.
 */
const parts: Readonly<Record<string, (stack: BenchStack) => Promise<void>>> = {
  relay,
  latency,
  http: benchHttp,
  hybrid: async (on) => {
    const rows = await benchHybrid(on, { rounds, jobs: Math.ceil(messages / 5), progress });
    console.log(
      '\nThe outbox as rows of a table and as messages in the write-ahead log, the relay publishing live:\n',
    );
    wideTable(rows);
  },
  shards: async (on) => table(await benchShards(on, { rounds, messages, progress })),
  peers: benchPeerRelays,
  lifecycle: benchLifecycles,
  workflows: benchAllWorkflows,
  cpu: benchCpu,
  growth: async (on) => {
    const sizes = (process.env['WE_BENCH_GROWTH'] ?? '10000,1000000').split(',').map(Number);
    const heldSeconds = Number(process.env['WE_BENCH_HELD_SECONDS'] ?? 30);
    const heldJobs = Number(process.env['WE_BENCH_HELD_JOBS'] ?? 1_000_000);
    wideTable(await benchGrowth(on, { sizes, seconds, heldSeconds, heldJobs, progress }));
  },
  pickup,
  lambda: benchFunctions,
  dialects,
  bus,
};

const rounds = Number(process.env['WE_BENCH_ROUNDS'] ?? 3);
const messages = Number(process.env['WE_BENCH_MESSAGES'] ?? 1_000_000);
const seconds = Number(process.env['WE_BENCH_SECONDS'] ?? 10);
const backlogs = (process.env['WE_BENCH_BACKLOGS'] ?? '10000').split(',').filter(Boolean).map(Number);

const live = (process.env['WE_BENCH_LIVE'] ?? '10000,100000').split(',').filter(Boolean).map(Number);

const saves = process.argv.includes('--save');
const wanted = process.argv.slice(2).filter((name) => name !== '--save');
const unknown = wanted.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(`unknown part: ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}
progress('starting PostgreSQL and Kafka');
await using stack = await startBenchStack();
console.log(`Machine: ${await describeMachine(stack)}\n`);
for (const [name, part] of Object.entries(parts)) {
  if (wanted.length === 0 || wanted.includes(name)) await part(stack);
}

async function relay(stack: BenchStack): Promise<void> {
  const [head = [], ...rows] = await benchRelay(stack, { rounds, messages, backlogs, progress });
  console.log(
    'Relay draining messages of 300 bytes from the outbox; write-back is the delete of each row and the audit row',
  );
  console.log('of each job or pack. CPU is in microseconds a message:\n');
  for (const row of [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...rows]) {
    console.log(`| ${row.join(' | ')} |`);
  }
}

async function latency(stack: BenchStack): Promise<void> {
  const rows: [string, string][] = [];
  const subjects = { 'through the relay': ourLatency(stack), 'straight to Kafka': floorLatency(stack) };
  for (const rate of [500, 2_000]) {
    for (const [name, subject] of Object.entries(subjects)) {
      const results: Percentiles[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        progress(`latency at ${rate}/s, ${name}, round ${round} of ${rounds}`);
        results.push(await measureLatency(stack, subject, { rate, seconds }));
      }
      const p50 = results.map(({ p50Ms }) => p50Ms);
      const p99 = results.map(({ p99Ms }) => p99Ms);
      rows.push([`${rate}/s, ${name}, p50 / p99 ms`, `${spread(p50, 2)} / ${spread(p99, 2)}`]);
    }
  }
  console.log(
    '\nFrom before a row is inserted (one a transaction) to the arrival of its message at a consumer:\n',
  );
  table(rows);
}

async function benchHttp(stack: BenchStack): Promise<void> {
  const loads = [
    { name: 'one job a request, 100 connections', batch: 1, connections: 100, live: false },
    {
      name: 'one job a request, 100 connections, the relay publishing live',
      batch: 1,
      connections: 100,
      live: true,
    },
    { name: 'batches of 1,000, 4 connections', batch: 1000, connections: 4, live: false },
  ] as const;
  for (const load of loads) {
    const results: (EnqueueResult & { live?: LiveResult })[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      progress(`http, ${load.name}, round ${round} of ${rounds}`);
      const enqueue = () => enqueueOverHttp(stack, load);
      results.push(load.live ? await whileRelayPublishes(stack, enqueue) : await enqueue());
      await stack.pool.query('truncate jobs, dispatch_outbox');
    }
    console.log(`\nHTTP enqueue, ${load.name} (job and outbox row in one durable transaction):\n`);
    table([
      ['jobs/min', spread(results.map((result) => result.jobsPerMinute))],
      [
        'request p50, ms',
        spread(
          results.map((result) => result.p50Ms),
          1,
        ),
      ],
      [
        'request p99, ms',
        spread(
          results.map((result) => result.p99Ms),
          1,
        ),
      ],
      [
        'API CPU, µs a job',
        spread(
          results.map((result) => result.apiCpuUs),
          1,
        ),
      ],
      ['failed requests', spread(results.map((result) => result.errors))],
      ...liveRows(results.flatMap(({ live }) => live ?? [])),
    ]);
  }
}

async function benchPeerRelays(stack: BenchStack): Promise<void> {
  for (const perTransaction of [1000, 1]) {
    // One row a transaction takes a commit each to fill: a fifth says as much.
    const count = perTransaction === 1 ? Math.ceil(messages / 5) : messages;
    const results = await benchPeers(stack, { rounds, messages: count, perTransaction, progress });
    console.log(
      `\nDraining ${count.toLocaleString('en')} outbox rows of one 300-byte message, ${perTransaction.toLocaleString('en')} a transaction:\n`,
    );
    wideTable(peerTable(results));
    if (saves) for (const path of await savePeerCharts(results, perTransaction)) progress(`drew ${path}`);
  }
  const rate = 1_000;
  const latencies = await benchPeerLatency(stack, { rounds, rate, seconds, progress });
  console.log(
    `\nFrom the insert of a row to its arrival at a consumer, ${rate.toLocaleString('en')} rows/s:\n`,
  );
  wideTable(latencyTable(latencies));
  if (saves) for (const path of await saveLatencyCharts(latencies, rate)) progress(`drew ${path}`);
}

async function benchLifecycles(stack: BenchStack): Promise<void> {
  const rows = await benchLifecycle(stack, { rounds, jobs: Math.ceil(messages / 5), progress });
  console.log('\nA backlog of no-op jobs with one worker process:\n');
  wideTable(rows);
}

async function benchAllWorkflows(stack: BenchStack): Promise<void> {
  const workflows = Math.ceil(messages / 50);
  console.log(
    '\nWorkflows of three no-op steps, the instance, its first job and the outbox row in one durable transaction:\n',
  );
  table([]);
  const rows = benchWorkflows(stack, { rounds, seconds, workflows, live, progress });
  for await (const [name, value] of rows) console.log(`| ${name} | ${value} |`);
}

async function benchCpu({ postgres }: BenchStack): Promise<void> {
  const rows = await measureBackendCpu(postgres.dsn, 30);
  console.log('\nProcessor time of the hot path, µs a job, in batches of 1,000 on one connection:\n');
  wideTable([
    ['', 'in PostgreSQL', 'in Node'],
    ...rows.map((row) => [row.statement, row.backendUs.toFixed(1), row.nodeUs.toFixed(1)]),
  ]);
}

async function pickup(stack: BenchStack): Promise<void> {
  console.log('\nFrom the commit of a job to the start of its handler, p50 / p99 in ms:\n');
  wideTable([['', ...PICKUP_RATES.map((rate) => `${rate.toLocaleString('en')} jobs/s`)]]);
  // Three seconds at 100 a second are 300 jobs: enough for a p99, and the whole of it ends within a minute a round.
  const options = { rounds, seconds: Math.min(seconds, 3), progress };
  for await (const row of benchPickup(stack, options)) console.log(`| ${row.join(' | ')} |`);
}

async function dialects(stack: BenchStack): Promise<void> {
  console.log(
    '\nThe load tests of the engine seed over each protocol, from the clients to the end of every job, 3 worker processes:\n',
  );
  wideTable([DIALECT_HEAD]);
  const scale = Number(process.env['WE_BENCH_SHAPE_SCALE'] ?? 0.1);
  const over = (process.env['WE_BENCH_PROTOCOLS'] ?? protocolIds.join()).split(',');
  for await (const row of benchDialects(stack, { scale, over, progress }))
    console.log(`| ${row.join(' | ')} |`);
}

async function bus(stack: BenchStack): Promise<void> {
  // A fiftieth of the messages, and three seconds at a steady rate: all of it ends within four minutes.
  const count = Math.ceil(messages / 50);
  const size = {
    rounds,
    seconds: Math.min(seconds, 3),
    messages: count,
    runs: Math.ceil(count / 10),
    progress,
  };
  console.log(
    `\nEvent buses, ${count.toLocaleString('en')} messages of 300 bytes, one a call, 64 calls at a time; then consumed and acknowledged one by one. Below each what`,
  );
  console.log("the broker's own tool gets, whose p50 and p99 are those of publishing alone:\n");
  wideTable([BUS_HEAD]);
  for await (const row of benchBuses(stack, size)) console.log(`| ${row.join(' | ')} |`);
  console.log('\nPgchannel under the loads of the seed, and runs of three steps in PostgreSQL alone:\n');
  table([]);
  for await (const [name, value] of benchPgChannel(stack, size)) console.log(`| ${name} | ${value} |`);
  for await (const [name, value] of benchThreeSteps(stack, size)) console.log(`| ${name} | ${value} |`);
}

async function benchFunctions(stack: BenchStack): Promise<void> {
  const { starts, warm } = await benchLambda(stack, { rounds, progress });
  console.log('\nEach function in the Lambda runtime, under its emulator:\n');
  wideTable(starts);
  console.log('\nWarm:\n');
  table(warm);
}

function liveRows(results: readonly LiveResult[]): [string, string][] {
  if (results.length === 0) return [];
  return [
    ['not yet published at the end', spread(results.map(({ backlog }) => backlog))],
    ['ms until all was published', spread(results.map(({ drainMs }) => drainMs))],
    ['accepted − published', spread(results.map(({ accepted, published }) => accepted - published))],
  ];
}

function table(rows: readonly (readonly [string, string])[]): void {
  console.log('| | |\n| --- | ---: |');
  for (const [name, value] of rows) console.log(`| ${name} | ${value} |`);
}

function wideTable([head = [], ...rows]: readonly (readonly string[])[]): void {
  console.log(`| ${head.join(' | ')} |\n| --- |${' ---: |'.repeat(head.length - 1)}`);
  for (const row of rows) console.log(`| ${row.join(' | ')} |`);
}

/** On the error stream, so that the tables can be piped into a file. */
function progress(line: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);
}
