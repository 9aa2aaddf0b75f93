import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { jobStatuses, jobTransitions } from '../../../engine/job.ts';

it('the state diagram of the engine shows the moves of the code, and no others', () => {
  const readme = readFileSync(new URL('../../../engine/README.md', import.meta.url), 'utf8');
  const drawn = [...readme.matchAll(/^ {2}(\w+) --> (\w+)/gm)].map(([, from, to]) => `${from} → ${to}`);
  const moves = jobStatuses.flatMap((from) => jobTransitions[from].map((to) => `${from} → ${to}`));
  expect(drawn.sort()).toEqual(moves.sort());
});
