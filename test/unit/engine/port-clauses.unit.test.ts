import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventBusClauses } from '../../../sdk/testing/conformance/event-bus.suite.ts';
import { eventStreamerClauses } from '../../../sdk/testing/conformance/event-streamer.suite.ts';
import { roleSchedulerClauses } from '../../../sdk/testing/conformance/role-scheduler.suite.ts';
import { timeoutStoreClauses } from '../../../sdk/testing/conformance/timeout-store.suite.ts';
import { workflowRecordStoreClauses } from '../../../sdk/testing/conformance/workflow-record-store.suite.ts';

const ROOT = join(import.meta.dirname, '../../..');

it.each([
  ['event-bus', eventBusClauses],
  ['event-streamer', eventStreamerClauses],
  ['role-scheduler', roleSchedulerClauses],
  ['timeout-store', timeoutStoreClauses],
  ['workflow-record-store', workflowRecordStoreClauses],
] as const)('the comment of %s has the clauses of its suite, in their order', (port, clauses) => {
  const text = readFileSync(join(ROOT, `engine/ports/${port}.ts`), 'utf8');
  const inComment = [...text.matchAll(/^ \* (\d+)\. /gm)].map(([, number]) => Number(number));
  expect(clauses.map(({ number }) => number)).toEqual(inComment);
  expect(clauses.every(({ checks }) => Object.keys(checks).length > 0)).toBe(true);
});
