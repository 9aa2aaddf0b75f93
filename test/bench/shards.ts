import type { BenchStack } from './environment.ts';
import { type DrainResult, drainWithRelay, prepareBacklog } from './relay-drain.ts';
import { spread } from './statistics.ts';

const NUMBERS = [1, 2, 4];

/**
 * The same backlog drained by one relay process with 1, 2 and 4 shards: what another shard brings, and what it costs the
 * server, all of whose walsenders read the whole log.
 */
export async function benchShards(
  stack: BenchStack,
  options: {
    readonly rounds: number;
    readonly messages: number;
    readonly progress: (line: string) => void;
  },
): Promise<[string, string][]> {
  const { rounds, messages, progress } = options;
  const rows: [string, string][] = [];
  for (const shards of NUMBERS) {
    const results: DrainResult[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      progress(`shards=${shards}, round ${round} of ${rounds}`);
      await prepareBacklog(stack, { messages, perTransaction: 1000, perRow: 1 }, shards);
      results.push(await drainWithRelay(stack, messages, { shards }));
    }
    rows.push(...rowsOf(shards, results));
  }
  console.log(
    `\nDraining ${messages.toLocaleString('en')} rows of one message, with write-back, by number of shards:\n`,
  );
  return rows;
}

function rowsOf(shards: number, results: readonly DrainResult[]): [string, string][] {
  const of = (value: (result: DrainResult) => number, digits = 0): string =>
    spread(results.map(value), digits);
  return [
    [`${shards}: rows/s`, of(({ messagesPerSecond }) => messagesPerSecond)],
    [`${shards}: relay CPU, µs a row`, of(({ relayCpuUs }) => relayCpuUs, 1)],
    [`${shards}: walsenders' CPU together, µs a row`, of(({ walsenderCpuUs }) => walsenderCpuUs, 1)],
    [`${shards}: relay peak RSS, MB`, of(({ relayPeakRssMb }) => relayPeakRssMb)],
  ];
}
