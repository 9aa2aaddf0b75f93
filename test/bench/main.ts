import { type BenchStack, describeMachine, startBenchStack } from './environment.ts';
import { type EnqueueResult, enqueueOverHttp } from './http-enqueue.ts';
import { benchLifecycle } from './lifecycle/bench.ts';
import { type LiveResult, whileRelayPublishes } from './live-relay.ts';
import { savePeerCharts } from './peers/peer-charts.ts';
import { benchPeers, peerTable } from './peers/peers.ts';
import {
  type DrainResult,
  drainWithPgRecvlogical,
  drainWithRelay,
  kafkaProducerTest,
  prepareBacklog,
} from './relay-drain.ts';
import { benchShards } from './shards.ts';
import { median, spread } from './statistics.ts';

/**
 * `npm run bench` runs everything; `npm run bench -- relay` or `-- http`, `-- shards` one part. `WE_BENCH_ROUNDS` (3),
 * `WE_BENCH_SECONDS` (10) and `WE_BENCH_MESSAGES` (1,000,000) make it shorter. Figures go to the terminal as the tables
 * of BENCHMARKS.md; `--save` draws its charts anew.
 */
const parts: Readonly<Record<string, (stack: BenchStack) => Promise<void>>> = {
  relay: benchRelay,
  http: benchHttp,
  shards: async (on) => table(await benchShards(on, { rounds, messages, progress })),
  peers: benchPeerRelays,
  lifecycle: benchLifecycles,
};

const rounds = Number(process.env['WE_BENCH_ROUNDS'] ?? 3);
const messages = Number(process.env['WE_BENCH_MESSAGES'] ?? 1_000_000);

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

async function benchRelay(stack: BenchStack): Promise<void> {
  const results: DrainResult[] = [];
  const limits: number[] = [];
  const producer: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    progress(
      `relay, round ${round} of ${rounds}: filling the outbox with ${messages.toLocaleString('en')} rows`,
    );
    await prepareBacklog(stack, { messages, perTransaction: 1000, perRow: 1 });
    progress('  reading it with pg_recvlogical');
    limits.push((await drainWithPgRecvlogical(stack, messages)) ?? Number.NaN);
    progress("  Kafka's producer test");
    producer.push((await kafkaProducerTest(stack, messages)) ?? Number.NaN);
    progress('  draining it with the relay');
    results.push(await drainWithRelay(stack, messages));
  }
  const rate = results.map((result) => result.messagesPerSecond);
  console.log(
    `Relay draining ${messages.toLocaleString('en')} outbox rows of one 300-byte message, 1,000 a transaction, with write-back`,
  );
  console.log('(delete and audit row for each); median (smallest–largest) of the rounds:\n');
  table([
    ['relay, rows/s', spread(rate)],
    ['pg_recvlogical alone, rows/s', spread(limits)],
    ["Kafka's producer test, records/s", spread(producer)],
    ['relay ÷ pg_recvlogical', (median(rate) / median(limits)).toFixed(2)],
    ['relay ÷ producer test', (median(rate) / median(producer)).toFixed(2)],
    [
      'relay CPU, µs a row',
      spread(
        results.map((result) => result.relayCpuUs),
        1,
      ),
    ],
    [
      'walsender CPU, µs a row',
      spread(
        results.map((result) => result.walsenderCpuUs),
        1,
      ),
    ],
    [
      'broker CPU, µs a row',
      spread(
        results.map((result) => result.brokerCpuUs),
        1,
      ),
    ],
    ['relay peak RSS, MB', spread(results.map((result) => result.relayPeakRssMb))],
  ]);
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
}

async function benchLifecycles(stack: BenchStack): Promise<void> {
  const rows = await benchLifecycle(stack, { rounds, jobs: Math.ceil(messages / 5), progress });
  console.log('\nA backlog of no-op jobs with one worker process:\n');
  wideTable(rows);
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
