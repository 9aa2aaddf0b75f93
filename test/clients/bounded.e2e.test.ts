import { describe, expect, test } from 'vitest';
import { describeKafka } from '../helpers/kafka.ts';
import { type Program, preparePrograms } from './programs.ts';
import { clientsRig } from './rig.ts';

/** Programs written from the contracts, in Go and Python, against processes as a user starts them. The rest: npm run test:clients. */
const { found, missing } = await preparePrograms({ full: false });
const go = found.find(({ language }) => language === 'Go');

function works(program: Program, rig: ReturnType<typeof clientsRig>): void {
  test(`a worker in ${program.language} runs workflows to their end, each job once for each of its attempts`, async () => {
    const before = (await rig.statuses())['completed'] ?? 0;
    const worker = await rig.startWorker(program);
    const ids = await Promise.all(Array.from({ length: 20 }, () => rig.start()));
    expect(ids.every((id) => id !== undefined)).toBe(true);
    await rig.untilCompleted(before + ids.length);
    await worker.kill('SIGTERM');
    const { rows } = await rig.database
      .pool()
      .query('select distinct status, attempt, worker_id from jobs where instance_id = any ($1)', [ids]);
    // Each fails once, and is completed by the second attempt.
    expect(rows).toEqual([{ status: 'completed', attempt: 2, worker_id: program.language }]);
    expect(worker.ran).toHaveLength(ids.length * 4);
  });
}

const name = missing.length === 0 ? 'clients' : `clients (missing here: ${missing.join('; ')})`;

describe(`${name}, which poll`, () => {
  const rig = clientsRig('polling');
  for (const program of found) works(program, rig);

  test.runIf(go !== undefined)('the load shapes of the engine seed are taken whole', async () => {
    if (!go) return;
    const sent = await rig.run(go, { CLIENT: 'load', JOBS: '1500', WORKFLOWS: '150', IN_FLIGHT: '200' });
    expect(sent.code, sent.out).toBe(0);
    expect(JSON.parse(sent.out)).toMatchObject({ sent: 1650, failed: 0, retried: 0 });
    const { rows } = await rig.database
      .pool()
      .query<{ count: string }>('select count(*) from jobs where instance_id is null');
    expect(rows).toEqual([{ count: '1500' }]);
  });
});

describeKafka(`${name}, which consume from Kafka`, () => {
  const rig = clientsRig('kafka_outbox');
  for (const program of found.filter(({ kafka }) => kafka)) works(program, rig);
});
