import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Definition } from '../../../../engine/workflow/definition.ts';
import { parseDefinition } from '../../../../engine/workflow/parse-definition.ts';
import { define, end, graph, Run, task } from './graphs.ts';

/** A workflow without a graph: steps one after the other, each a task or branches. */
type Block = { readonly task: true } | { readonly branches: readonly (readonly Block[])[] };

const { blocks } = fc.letrec<{ blocks: Block[]; block: Block }>((tie) => ({
  blocks: fc.array(tie('block'), { minLength: 1, maxLength: 3 }),
  block: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.constant<Block>({ task: true }),
    fc.record({ branches: fc.array(tie('blocks'), { minLength: 2, maxLength: 3 }) }),
  ),
}));

test('any order of completions of parallel branches gives the same end', () => {
  fc.assert(
    fc.property(blocks, fc.infiniteStream(fc.nat()), (structure, picks) => {
      const definition = toDefinition(structure);
      const run = new Run(definition);
      while (run.instance.status === 'running') {
        const { tokens } = run.instance.state;
        const token = tokens[picks.next().value % tokens.length];
        if (!token) throw new Error('running, with nothing to wait for');
        const result = JSON.stringify({ [`${token.step}_done`]: true });
        run.send({ kind: 'jobCompleted', activation: token.activation, result });
      }
      const tasks = [...definition.steps.values()].filter(({ type }) => type === 'SERVICE_TASK');
      expect(run.instance.status).toBe('completed');
      expect(run.variables).toEqual(Object.fromEntries(tasks.map(({ id }) => [`${id}_done`, true])));
      // Every step was gone through exactly once, joins included.
      expect(run.path.sort()).toEqual([...definition.steps.keys()].sort());
    }),
  );
});

const ids = ['s0', 's1', 's2', 's3', 's4', 's5'];
const target = fc.constantFrom(...ids, 'end');
const anyStep = fc.oneof(
  fc.record({ type: fc.constant('SERVICE_TASK'), jobType: fc.constant('work'), nextStep: target }),
  fc.record({
    type: fc.constant('WAIT'),
    nextStep: target,
    boundaryEvents: fc.array(
      fc.record({
        type: fc.constant('TIMER'),
        duration: fc.constant('PT1S'),
        interrupting: fc.boolean(),
        targetStepId: target,
      }),
      { maxLength: 1 },
    ),
  }),
  fc.record({
    type: fc.constant('DECISION'),
    conditionalNextSteps: fc.tuple(target, target).map(([a, b]) => ({ coin: a, true: b })),
  }),
  fc.record({
    type: fc.constant('PARALLEL_GATEWAY'),
    parallelNextSteps: fc.array(target, { minLength: 2, maxLength: 3 }),
    joinStep: fc.constantFrom(...ids),
  }),
  fc.record({ type: fc.constant('JOIN_GATEWAY'), nextStep: target }),
);

test('no instance of a definition that was accepted can come to stand still', () => {
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.tuple(...ids.map(() => anyStep)),
      fc.array(fc.tuple(fc.nat(), fc.boolean(), fc.nat(10)), { maxLength: 60 }),
      (steps, moves) => {
        const definition = acceptedPart([...ids.map((id, index) => ({ id, ...steps[index] })), end]);
        if (!definition) return;
        accepted += 1;
        const run = new Run(definition, { coin: false });
        for (const [pick, coin, wait] of moves) {
          expectToGoOn(run);
          const { tokens } = run.instance.state;
          const token = tokens[pick % tokens.length];
          if (!token) break;
          if (wait === 0) run.pass(1000);
          else if (definition.steps.get(token.step)?.type === 'WAIT') run.signal(token.step, { coin });
          else {
            const result = JSON.stringify({ coin });
            run.send({ kind: 'jobCompleted', activation: token.activation, result });
          }
        }
        expectToGoOn(run);
      },
    ),
    { numRuns: 4000 },
  );
  expect(accepted).toBeGreaterThan(100);
});

test('200 branches join once', () => {
  const names = Array.from({ length: 200 }, (_, index) => `b${index}`);
  const wide = define([
    { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: names, joinStep: 'join' },
    ...names.map((name) => task(name, 'join')),
    { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'after' },
    task('after', 'end'),
    end,
  ]);
  const run = new Run(wide);
  for (const name of names.toReversed()) run.complete(name);
  expect(run.open).toEqual(['after']);
});

function expectToGoOn({ instance }: Run): void {
  if (instance.status !== 'running') return;
  expect(instance.state.tokens.length, JSON.stringify(instance.state)).toBeGreaterThan(0);
}

/** The definition of the steps that can be reached, if it is valid. */
function acceptedPart(steps: readonly Record<string, unknown>[]): Definition | undefined {
  let left = steps;
  for (;;) {
    const parsed = parseDefinition(graph(left));
    if (parsed.kind === 'valid') return parsed.definition;
    const unreachable = parsed.faults.map((fault) => /^step "(.+)" is unreachable/.exec(fault)?.[1]);
    if (unreachable.some((id) => id === undefined)) return undefined;
    left = left.filter(({ id }) => !unreachable.includes(String(id)));
  }
}

function toDefinition(structure: readonly Block[]): Definition {
  const steps: Record<string, unknown>[] = [];
  const first = lay(structure, { next: 'end', steps });
  const entry = steps.findIndex(({ id }) => id === first);
  return define([...steps.splice(entry, 1), ...steps, end]);
}

/** Appends the steps of the blocks. @returns the first one's id */
function lay(
  blocks: readonly Block[],
  to: { readonly next: string; readonly steps: Record<string, unknown>[] },
) {
  let { next } = to;
  for (const block of blocks.toReversed()) {
    const number = to.steps.length;
    if ('task' in block) {
      to.steps.push(task(`t${number}`, next));
      next = `t${number}`;
      continue;
    }
    const join = `join${number}`;
    to.steps.push({ id: join, type: 'JOIN_GATEWAY', nextStep: next });
    const parallelNextSteps = block.branches.map((branch) => lay(branch, { next: join, steps: to.steps }));
    const fork = { id: `fork${number}`, type: 'PARALLEL_GATEWAY', joinStep: join };
    to.steps.push({ ...fork, parallelNextSteps });
    next = `fork${number}`;
  }
  return next;
}
