import { type Environment, readChoice } from './env.ts';

export const recordStores = ['postgres', 'mysql'] as const;
/** Where workflow records are kept. */
export type RecordStoreName = (typeof recordStores)[number];

export function readRecordStore(env: Environment): RecordStoreName {
  return readChoice(env, 'WE_RECORD_STORE', recordStores, 'postgres');
}
