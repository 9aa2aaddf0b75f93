import { expect, test } from 'vitest';
import type { Program } from './programs.ts';
import type { ClientsRig } from './rig.ts';

const INSTANCES = 20;

/** Each instance has two jobs, and each of them fails once. */
export function testWorkflowRuns(program: Program, rig: ClientsRig): void {
  test(`a worker in ${program.name} runs workflows to their end, each job once for each of its attempts`, async () => {
    const before = (await rig.statuses())['completed'] ?? 0;
    const worker = await rig.startWorker(program);
    const ids = await Promise.all(Array.from({ length: INSTANCES }, () => rig.start()));
    expect(ids.every((id) => id !== undefined)).toBe(true);
    await rig.untilCompleted(before + ids.length);
    await worker.kill('SIGTERM');
    const { rows } = await rig.database
      .pool()
      .query('select id, status, attempt, worker_id from jobs where instance_id = any ($1)', [ids]);
    const ended = { status: 'completed', attempt: 2, worker_id: program.name };
    expect(rows).toEqual(rows.map(({ id }) => ({ id, ...ended })));
    expect(rows).toHaveLength(ids.length * 2);
    // What the worker before it ran and had no time to commit comes again, and is not of these.
    const own = new Set(rows.map(({ id }) => id));
    expect(worker.ran.filter((id) => own.has(id))).toHaveLength(ids.length * 4);
  });
}
