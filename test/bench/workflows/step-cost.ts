import { createPool } from '../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../../adapters/system/engine-deps.ts';
import { completeJobs } from '../../../engine/commands/complete-jobs.ts';
import { startWorkflows } from '../../../engine/commands/start-workflow.ts';
import { uploadDefinition } from '../../../engine/commands/upload-definition.ts';
import type { EngineDeps } from '../../../engine/deps.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import type { ClaimToken, JobId } from '../../../events/ids.ts';
import { BENCH_TYPE, type BenchStack } from '../environment.ts';
import { median } from '../statistics.ts';
import { emptied } from './submit.ts';

export interface StepCost {
  readonly live: number;
  readonly history: number;
  /** Of an advance: one completion, alone. */
  readonly medianMs: number;
}

const SAMPLES = 200;
const CHUNK = 1000;

/** What one step of a loop costs beside so many live instances, the first steps of it and those after `history`. */
export async function* measureStepCosts(
  stack: BenchStack,
  live: readonly number[],
  progress: (line: string) => void,
): AsyncGenerator<StepCost> {
  const pool = createPool({ dsn: stack.postgres.dsn, poolSize: 4 }, silentLogger);
  const deps = createEngineDeps(createPostgresRecordStore(pool, { prepare: true }), 'polling');
  try {
    await uploadDefinition(deps, JSON.stringify(loop()));
    let there = 0;
    for (const wanted of live) {
      progress(`cost of a step: starting up to ${wanted.toLocaleString('en')} instances`);
      for (; there < wanted; there += CHUNK) await startLoops(deps, Math.min(CHUNK, wanted - there));
      await pool.query('vacuum analyze workflow_instances, jobs');
      const [own] = await startLoops(deps, 1);
      let id = own;
      for (const history of [3, 1000]) {
        const { next, medianMs } = await walk({ deps, pool }, id, history);
        yield { live: wanted, history, medianMs };
        id = next;
      }
    }
  } finally {
    await pool.end();
    await emptied(stack);
  }
}

function loop() {
  const steps = [
    { id: 'again', name: 'again', type: 'SERVICE_TASK', jobType: BENCH_TYPE, nextStep: 'enough' },
    {
      id: 'enough',
      name: 'enough',
      type: 'DECISION',
      conditionalNextSteps: { 'n < 0': 'end', true: 'again' },
    },
    { id: 'end', name: 'end', type: 'END' },
  ];
  return { id: 'bench-loop', name: 'Loop', steps };
}

async function startLoops(deps: EngineDeps, count: number): Promise<JobId[]> {
  const request = { definition: 'bench-loop', input: '{"n":0}' };
  const outcome = await startWorkflows(
    deps,
    Array.from({ length: count }, () => request),
  );
  if (outcome.kind === 'refused') throw new Error(outcome.because.kind);
  return outcome.instances.flatMap(({ jobs }) => jobs.map(({ id }) => id));
}

/** Goes on until so many steps are behind it, and measures those after. */
async function walk(
  { deps, pool }: { readonly deps: EngineDeps; readonly pool: BenchStack['pool'] },
  from: JobId | undefined,
  history: number,
) {
  const took: number[] = [];
  let id = from;
  for (let step = 0; step < history / 2 + SAMPLES; step += 1) {
    const jobId = id ?? ('' as JobId);
    const request = { claimId: deps.newId(), ids: [jobId], workerId: 'bench', leaseMs: 60_000 };
    const [claim] = await deps.store.claim(request);
    if (claim?.kind !== 'claimed') throw new Error('a step was not claimed');
    const { token, instanceId } = claim.job;
    const began = performance.now();
    await completeJobs(deps, [{ id: jobId, token: token as ClaimToken, result: '{}' }]);
    if (step >= history / 2) took.push(performance.now() - began);
    const { rows } = await pool.query<{ id: JobId }>(
      `select id from jobs where instance_id = $1 and status = 'queued'`,
      [instanceId],
    );
    id = rows[0]?.id;
  }
  return { next: id, medianMs: median(took) };
}
