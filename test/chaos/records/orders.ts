import { appendFileSync, existsSync } from 'node:fs';
import { scheduler } from 'node:timers/promises';
import { defineRecordWorkflow, type RecordRun } from '../../../sdk/index.ts';

/** What `millrace records run` is given in these tests: its effects are lines of a file. */
const journal = process.env['TEST_JOURNAL'] ?? '';
/** While this file is not there, nothing is shipped. */
const gate = process.env['TEST_GATE'] ?? '';

function write(what: string, { foreignId }: Pick<RecordRun, 'foreignId'>): void {
  appendFileSync(journal, `${what} ${foreignId}\n`);
}

const options = { parallelCount: 4, pollingFrequency: 50, errBackOff: 100 };

export default [
  defineRecordWorkflow<{ readonly cents: number }>({
    name: 'orders',
    options,
    steps: {
      1: {
        to: [2],
        run: (run) => {
          write('packed', run);
          return { to: 2, data: { cents: run.data.cents + 1 } };
        },
      },
      2: {
        to: [3],
        run: async (run) => {
          write('shipping', run);
          while (!existsSync(gate)) await scheduler.wait(20, { signal: run.signal });
          write('shipped', run);
          return { to: 3 };
        },
      },
    },
  }),
  defineRecordWorkflow({
    name: 'offers',
    options,
    steps: {
      1: { to: [3], timeout: { afterMs: 3_600_000, to: 2 } },
      2: {
        to: [3],
        run: (run) => {
          write('expired', run);
          return { cancel: 'nobody took it' };
        },
      },
    },
  }),
];
