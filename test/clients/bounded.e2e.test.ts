import { describe, expect, test } from 'vitest';
import { describeKafka } from '../helpers/kafka.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { preparePrograms } from './programs.ts';
import { clientsRig } from './rig.ts';
import { testWorkflowRuns } from './workflow-runs.ts';

/** Programs written from the contracts, in Go and Python, against processes as a user starts them. The rest: npm run test:clients. */
const { found, missing } = await preparePrograms({ full: false });
const go = found.find(({ name }) => name === 'Go');

const suite = missing.length === 0 ? 'clients' : `clients (missing here: ${missing.join('; ')})`;

const apiLines = [
  'engine: starting',
  'engine: dispatch runtime ready',
  'engine: REST listening',
  'engine: gRPC listening',
  'engine: metrics listening',
];

describe(`${suite}, which poll`, () => {
  const rig = clientsRig('polling');

  test('find in the log of the API the lines of their engine', async () => {
    expect(await rig.engineLines('api')).toEqual(apiLines);
  });

  for (const program of found) testWorkflowRuns(program, rig);

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

describeKafka(`${suite}, which consume from Kafka`, () => {
  const rig = clientsRig('kafka_outbox');

  test('find in the logs the lines of their engine, those of dispatch in that of the relay', async () => {
    expect(await rig.engineLines('api')).toEqual(apiLines);
    const lines = () => rig.engineLines('relay');
    // It leads a moment after it is ready.
    await waitFor(async () => (await lines()).includes('dispatch: relay started'), { within: 30_000 });
    expect(await lines()).toEqual([
      'engine: starting',
      'kafka_outbox: validating topics',
      'kafka_outbox: runtime started',
      'engine: dispatch runtime ready',
      'engine: metrics listening',
      'dispatch: became relay leader',
      'dispatch: relay started',
    ]);
  });

  for (const program of found.filter(({ kafka }) => kafka)) testWorkflowRuns(program, rig);
});
