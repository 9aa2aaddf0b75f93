import { describe, expect, test } from 'vitest';
import { describeKafka } from '../helpers/kafka.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { preparePrograms } from './programs.ts';
import { clientsRig } from './rig.ts';

/** The published SDK keeps its place in a partition where its result is refused, and ends. */
const { found, missing } = await preparePrograms({ full: true });
const programs = found.filter(({ name }) => name.includes('published SDK'));

test('the published SDK can be run here', () => {
  expect(missing.filter((reason) => reason.includes('rochallor-sdk'))).toEqual([]);
  expect(programs).toHaveLength(2);
});

/** Enough for both partitions to have some. */
const ENDED = 8;

describe('jobs that have ended, or are gone, hold up no consumer', () => {
  describeKafka('of Kafka', () => {
    const rig = clientsRig('kafka_outbox');
    const query = async <Row extends object>(text: string, values: unknown[]) =>
      (await rig.database.pool().query<Row>(text, values)).rows;
    const started = async (count: number) => {
      const ids = await Promise.all(Array.from({ length: count }, () => rig.start({})));
      return ids.map((id) => String(id));
    };
    const jobsOf = async (instances: readonly string[]) =>
      (await query<{ id: string }>('select id from jobs where instance_id = any ($1)', [instances])).map(
        ({ id }) => id,
      );
    const completed = (instances: readonly string[]) =>
      waitFor(
        async () => {
          const text = "select from workflow_instances where id = any ($1) and status = 'completed'";
          return (await query(text, [instances])).length === instances.length;
        },
        { within: 60_000, what: 'the instances that came after them to complete' },
      );

    for (const program of programs) {
      test(`that runs ${program.name}`, async () => {
        const instances = await started(ENDED);
        const ended = await jobsOf(instances);
        for (const job of ended) {
          const failure = { workerId: 'another', errorMessage: 'no good', retryable: false };
          const init = { method: 'POST', body: JSON.stringify(failure) };
          expect((await fetch(`${rig.apiUrl}/v1/jobs/${job}/fail`, init)).status).toBe(204);
        }
        await query('delete from workflow_instances where id = any ($1)', [instances.slice(ENDED / 2)]);
        const first = await rig.startWorker(program);
        await completed(await started(ENDED));
        await waitFor(() => ended.every((job) => first.ran.includes(job)), { within: 60_000 });
        await first.kill('SIGTERM');
        const refused = 'select from audit_log where job_id = any ($1) and action = $2';
        await waitFor(async () => (await query(refused, [ended, 'LATE_RESULT_REFUSED'])).length === ENDED, {
          within: 30_000,
          what: 'each of them to be recorded',
        });
        const second = await rig.startWorker(program);
        await completed(await started(2));
        await second.kill('SIGTERM');
        expect(second.ran.filter((job) => ended.includes(job))).toEqual([]);
      });
    }
  });
});
