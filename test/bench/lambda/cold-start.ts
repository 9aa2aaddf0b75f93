import { httpEvent } from '../../infra/setup/events.ts';
import { startLambda } from '../../infra/setup/lambda.ts';
import type { BenchStack } from '../environment.ts';
import { peakRssMb } from '../processes.ts';

export interface ColdStart {
  /** From the start of the runtime until it asks for the first event, as the emulator tells. */
  readonly initMs: number;
  /** The most that the process ever held, after its first event. */
  readonly memoryMb: number;
}

export async function coldStart(name: string, { env }: BenchStack): Promise<ColdStart> {
  // The duties go on until their time is over.
  const settings = {
    AWS_LAMBDA_FUNCTION_TIMEOUT: '6',
    ...env,
    WE_API_URL: 'http://127.0.0.1:9',
    WE_API_KEY_HASHES: 'a'.repeat(64),
  };
  await using lambda = await startLambda(name, settings);
  await lambda.invoke(firstEvents[name] ?? {});
  const initMs = Number(/INIT REPORT\(durationMs: ([\d.]+)\)/.exec(lambda.log())?.[1]);
  return { initMs, memoryMb: await peakRssMb(await lambda.pid()) };
}

const firstEvents: Readonly<Record<string, unknown>> = {
  http: httpEvent('POST', '/api/v1/jobs', { body: { type: 'noop', payload: {} } }),
  worker: { eventSource: 'aws:kafka', records: {} },
  authorizer: { headers: {} },
  migrate: { RequestType: 'Delete', ResponseURL: 'http://127.0.0.1:9/', LogicalResourceId: 'Migrations' },
};
