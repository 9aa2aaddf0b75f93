import { describe, expect, test } from 'vitest';
import { describeKafka } from '../helpers/kafka.ts';
import { preparePrograms } from './programs.ts';
import { clientsRig } from './rig.ts';
import { testWorkflowRuns } from './workflow-runs.ts';

/** Every language, in both modes. */
const { found, missing } = await preparePrograms({ full: true });

test('all the programs can be run here', () => {
  expect(missing).toEqual([]);
  expect(found.map(({ name, kafka }) => [name, kafka])).toEqual([
    ['Go', true],
    ['Python', true],
    ['Java', true],
    ['Python on the published SDK over REST', true],
    ['Python on the published SDK over gRPC', true],
  ]);
});

for (const mode of ['polling', 'kafka_outbox'] as const) {
  const suite = mode === 'polling' ? describe : describeKafka;
  suite(`in mode ${mode}`, () => {
    const rig = clientsRig(mode);
    for (const program of found) testWorkflowRuns(program, rig);
  });
}
