import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { waitFor } from '../helpers/wait-for.ts';
import { preparePrograms } from './programs.ts';
import { clientsRig } from './rig.ts';

/** What newer SDKs call beside what the contract has. */
const { found } = await preparePrograms({ full: true });
const programs = found.filter(({ name }) => name.includes('published SDK'));

describe('the published SDK, polling', () => {
  const rig = clientsRig('polling');

  test.each(programs)(
    '$name: a handler that takes longer than its lease runs once, by its heartbeats',
    async (program) => {
      const worker = await rig.startWorker({ ...program, env: { ...program.env, WORKER_HEARTBEAT: 'on' } });
      const id = await rig.start({ seconds: 12 });
      const jobs = () =>
        rig.database
          .pool()
          .query('select status, attempt, attempt_base from jobs where instance_id = $1', [id])
          .then(({ rows }) => rows);
      const once = { status: 'completed', attempt: 1, attempt_base: 0 };
      await waitFor(async () => (await jobs()).filter(({ status }) => status === 'completed').length === 2, {
        within: 120_000,
        what: 'both tasks to complete',
      });
      expect(await jobs()).toEqual([once, once]);
      expect(worker.ran).toHaveLength(2);
      await worker.kill('SIGTERM');
    },
  );

  test('each call of its client is answered as it expects', async () => {
    const [program] = programs;
    if (!program) throw new Error('the SDK could not be fetched');
    const file = join(import.meta.dirname, 'python/sdk_calls.py');
    const { code, out } = await rig.run({ ...program, command: ['python3', file] }, {});
    expect(code, out).toBe(0);
    expect(JSON.parse(out)).toEqual({
      version: 1,
      steps: 3,
      found: 1,
      began: ['WAITING', ['ask'], 'key-1'],
      after: ['WAITING', ['again'], { n: 1, approved: true }],
      cancelled: 'CANCELLED',
      refused: [409, 404, 404, 404],
    });
  });
});
