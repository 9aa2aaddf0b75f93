import { bundle } from '../../../infra/bundle/bundle.ts';
import { targets } from '../../../infra/bundle/targets.ts';
import { ready } from '../../infra/setup/tools.ts';
import type { BenchStack } from '../environment.ts';
import { spread } from '../statistics.ts';
import { type ColdStart, coldStart } from './cold-start.ts';
import { thaw } from './thaw.ts';
import { warmHttp, warmWorker } from './warm.ts';

interface LambdaOptions {
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

/** Sizes and cold starts of each function in Lambda's own runtime, then what a warm one adds to a request and to a record. */
export async function benchLambda(
  stack: BenchStack,
  { rounds, progress }: LambdaOptions,
): Promise<{ readonly starts: string[][]; readonly warm: [string, string][] }> {
  progress('installing the Lambda runtime, once');
  await ready();
  const starts = [['', 'read at a cold start, kB', 'init, ms', 'memory after the first event, MB']];
  for (const target of targets) {
    const { bytes } = await bundle(target);
    const results: ColdStart[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      progress(`cold start of ${target.name}, round ${round} of ${rounds}`);
      results.push(await coldStart(target.name, stack));
    }
    const init = results.map(({ initMs }) => initMs);
    const memory = results.map(({ memoryMb }) => memoryMb);
    starts.push([target.name, (bytes / 1000).toFixed(0), spread(init), spread(memory)]);
  }
  const http: number[] = [];
  const worker: number[] = [];
  const thaws: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`warm functions, round ${round} of ${rounds}`);
    http.push(await warmHttp(stack));
    worker.push(await warmWorker(stack));
    thaws.push(await thaw(stack));
  }
  return {
    starts,
    warm: [
      ['HTTP: CPU of the function, µs a request that enqueues one job', spread(http)],
      ['worker: CPU of the function, µs a record, in batches of 1,000', spread(worker, 1)],
      [
        'HTTP: first request after a thaw, its connection lost silently, ms more than the one before',
        spread(thaws),
      ],
    ],
  };
}
