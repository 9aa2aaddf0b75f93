import { setTimeout as delay } from 'node:timers/promises';
import { startTcpProxy } from '../../helpers/tcp-proxy.ts';
import { httpEvent } from '../../infra/setup/events.ts';
import { startLambda } from '../../infra/setup/lambda.ts';
import { BENCH_TYPE, type BenchStack } from '../environment.ts';

const JOB = httpEvent('POST', '/api/v1/jobs', { body: { type: BENCH_TYPE, payload: {} } });
const FROZEN_MS = 10_000;

/**
 * A function is frozen, its connection lost without a word, and thawed.
 * @returns by how many milliseconds its next request takes longer than the one before
 */
export async function thaw({ env, postgres }: BenchStack): Promise<number> {
  await using proxy = await startTcpProxy(0, () => postgres.port);
  const dsn = new URL(postgres.dsn);
  dsn.host = `127.0.0.1:${proxy.port}`;
  await using http = await startLambda('http', { ...env, WE_POSTGRES_DSN: dsn.href });
  const timed = async () => {
    const start = performance.now();
    const { statusCode } = (await http.invoke(JOB)) as { statusCode: number };
    if (statusCode !== 201) throw new Error(`the function answered ${statusCode}:\n${http.log()}`);
    return performance.now() - start;
  };
  await timed();
  const before = await timed();
  const pid = await http.pid();
  process.kill(pid, 'SIGSTOP');
  proxy.silence();
  await delay(FROZEN_MS);
  process.kill(pid, 'SIGCONT');
  return (await timed()) - before;
}
