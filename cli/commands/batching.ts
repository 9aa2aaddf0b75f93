import { readInteger } from '../../adapters/env.ts';

export function readBatchSize(): number {
  return readInteger(process.env, 'WE_WORKER_BATCH_SIZE', { fallback: 100, min: 1, max: 10_000 });
}
