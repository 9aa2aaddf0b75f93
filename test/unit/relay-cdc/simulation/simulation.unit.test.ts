import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Reached } from './term.ts';
import { World } from './world.ts';

/** `WE_SIM_SCHEDULES=1000000 npx vitest run --project unit simulation`; a failure prints `WE_SIM_SEED` to run it again. */
const SCHEDULES = Number(process.env['WE_SIM_SCHEDULES'] ?? 15_000);
const SEED = process.env['WE_SIM_SEED'];
const AT_ONCE = 20_000;

const situations: readonly Reached[] = [
  'hand-over',
  'hand-over within a transaction',
  'takeover',
  'pause',
  'refused',
  'slot behind the record',
];

const schedule = fc.array(fc.nat({ max: 0xffff }), { maxLength: 120, size: 'max' });

test('whatever happens in whatever order, nothing is lost, invented or out of order', {
  timeout: 10_000 + SCHEDULES * 2,
}, () => {
  const first = SEED === undefined ? Date.now() & 0x7fffffff : Number(SEED);
  const startedAt = performance.now();
  for (let done = 0; done < SCHEDULES; done += AT_ONCE) {
    const numRuns = Math.min(AT_ONCE, SCHEDULES - done);
    const seed = first + done / AT_ONCE;
    fc.assert(fc.property(schedule, run), {
      numRuns,
      seed,
      reporter: (out) => {
        if (!out.failed) return;
        throw new Error(
          `WE_SIM_SEED=${seed} runs it again. It shrank to:\n${story(out.counterexample?.[0] ?? [])}`,
          { cause: out.errorInstance },
        );
      },
    });
    if (SCHEDULES > AT_ONCE) {
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      console.info(`${done + numRuns} of ${SCHEDULES} schedules, ${seconds} s`);
    }
  }
  // Schedules that come to nothing would prove nothing.
  for (const what of situations) expect(reached.get(what) ?? 0, what).toBeGreaterThan(SCHEDULES / 500);
});

const reached = new Map<Reached, number>();

function run(choices: readonly number[]): void {
  const world = new World((what) => reached.set(what, (reached.get(what) ?? 0) + 1));
  for (const choice of choices) world.step(choice);
  world.settle();
}

/** What happened in a schedule, for a person. */
function story(choices: readonly number[]): string {
  const world = new World();
  const lines: string[] = [];
  try {
    for (const choice of choices) lines.push(`${world.step(choice)} (${choice})`);
    world.settle();
  } catch (error) {
    lines.push(String(error));
  }
  return lines.join('\n');
}
