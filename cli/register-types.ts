import { readPostgresConfig } from '../adapters/postgres/config.ts';
import { createPool } from '../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../adapters/postgres/record-store.ts';
import type { JobPolicy } from '../engine/job-policy.ts';
import { silentLogger } from '../engine/ports/logger.ts';
import type { StepId } from '../events/ids.ts';
import type { ServiceConfig } from '../sdk/define.ts';
import { stepIds } from './service-config.ts';

/** Makes the service's step ids and what they declare known to the database, so that the API accepts jobs for them. */
export async function registerTypes(service: ServiceConfig): Promise<void> {
  const types = stepIds(service);
  const policies = types.flatMap((type): [StepId, JobPolicy][] => {
    const policy = service.jobs[type]?.policy;
    return policy ? [[type, policy]] : [];
  });
  const pool = createPool(readPostgresConfig(process.env, { poolSize: 1 }), silentLogger);
  try {
    await createPostgresRecordStore(pool).registerTypes(types, new Map(policies));
  } finally {
    await pool.end();
  }
}
