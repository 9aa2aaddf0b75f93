import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../../adapters/system/engine-deps.ts';
import { completeJobs } from '../../../engine/commands/complete-jobs.ts';
import { startWorkflow } from '../../../engine/commands/start-workflow.ts';
import { uploadDefinition } from '../../../engine/commands/upload-definition.ts';
import type { EngineDeps } from '../../../engine/deps.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import type { ClaimToken, JobId, StepId } from '../../../events/ids.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
let deps: EngineDeps;
let statements = 0;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ dsn: database.dsn, poolSize: 2 }, silentLogger);
  const query = pool.query.bind(pool);
  // Counts what is sent, whoever sends it.
  pool.query = ((...values: Parameters<typeof query>) => {
    statements += 1;
    return query(...values);
  }) as typeof pool.query;
  deps = createEngineDeps(createPostgresRecordStore(pool), 'kafka_outbox');
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

const TYPE = 'noop' as StepId;
const step = (name: string) => ({ name, type: TYPE, payload: '{}', max_retries: 0 });

async function counted<T>(work: () => Promise<T>): Promise<{ value: T; cost: number }> {
  const before = statements;
  const value = await work();
  return { value, cost: statements - before };
}

/** Completes the job and gives the one that follows it. */
async function advance(id: JobId): Promise<{ next: JobId | undefined; cost: number }> {
  const claimId = deps.newId();
  const [claim] = await deps.store.claim({ claimId, ids: [id], workerId: 'w', leaseMs: 60_000 });
  if (claim?.kind !== 'claimed') throw new Error(`job ${id} was not claimed`);
  const token = claim.job.token as ClaimToken;
  const { cost } = await counted(() => completeJobs(deps, [{ id, token, result: '{"n":1}' }]));
  const { rows } = await database
    .pool()
    .query<{ id: JobId }>(`select id from jobs where instance_id = $1 and status = 'queued'`, [
      claim.job.instanceId,
    ]);
  return { next: rows[0]?.id, cost };
}

async function costs(first: JobId | undefined): Promise<number[]> {
  const found: number[] = [];
  for (let id = first; id !== undefined; ) {
    const { next, cost } = await advance(id);
    found.push(cost);
    id = next;
  }
  return found;
}

test('the start of a chain takes one statement, each advance of it two', async () => {
  await deps.store.counts();
  await startWorkflow(deps, { name: 'warm', steps: [step('a')] });
  const { value, cost } = await counted(() =>
    startWorkflow(deps, { name: 'chain', steps: [step('a'), step('b'), step('c')] }),
  );
  expect(cost).toBe(1);
  if (value.kind !== 'started') throw new Error(value.kind);
  expect(await costs(value.instance.jobs[0]?.id)).toEqual([2, 2, 2]);
});

test('an advance of a definition takes two, also after hundreds of steps', async () => {
  const definition = {
    ...{ id: 'loop', name: 'Loop' },
    steps: [
      { id: 'again', name: 'again', type: 'SERVICE_TASK', jobType: TYPE, nextStep: 'more' },
      {
        ...{ id: 'more', name: 'more', type: 'TRANSFORMATION', nextStep: 'enough' },
        transformations: { count: '${count + n}' },
      },
      {
        ...{ id: 'enough', name: 'enough', type: 'DECISION' },
        conditionalNextSteps: { 'count < 200': 'again', true: 'end' },
      },
      { id: 'end', name: 'end', type: 'END' },
    ],
  };
  await uploadDefinition(deps, JSON.stringify(definition));
  const outcome = await startWorkflow(deps, { definition: 'loop', input: '{"count":0}' });
  if (outcome.kind !== 'started') throw new Error(outcome.kind);
  const found = await costs(outcome.instance.jobs[0]?.id);
  expect(found).toHaveLength(200);
  expect(new Set(found)).toEqual(new Set([2]));
});
