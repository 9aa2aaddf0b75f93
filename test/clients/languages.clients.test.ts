import { describe, expect, test } from 'vitest';
import { describeKafka } from '../helpers/kafka.ts';
import { preparePrograms } from './programs.ts';
import { clientsRig } from './rig.ts';

/** Every language, in both modes. */
const { found, missing } = await preparePrograms({ full: true });

test('all the programs can be run here', () => {
  expect(missing).toEqual([]);
  expect(found.map(({ language, kafka }) => [language, kafka])).toEqual([
    ['Go', true],
    ['Python', true],
    ['Java', true],
  ]);
});

for (const mode of ['polling', 'kafka_outbox'] as const) {
  const suite = mode === 'polling' ? describe : describeKafka;
  suite(`in mode ${mode}`, () => {
    const rig = clientsRig(mode);
    test.each(found)('workers in $language', async (program) => {
      const before = (await rig.statuses())['completed'] ?? 0;
      const worker = await rig.startWorker(program);
      const ids = await Promise.all(Array.from({ length: 20 }, () => rig.start()));
      await rig.untilCompleted(before + ids.length);
      await worker.kill('SIGTERM');
      const { rows } = await rig.database
        .pool()
        .query('select distinct status, attempt, worker_id from jobs where instance_id = any ($1)', [ids]);
      expect(rows).toEqual([{ status: 'completed', attempt: 2, worker_id: program.language }]);
    });
  });
}
