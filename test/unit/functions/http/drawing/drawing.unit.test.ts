import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDefinition } from '../../../../../engine/workflow/parse-definition.ts';
import { drawingOf } from '../../../../../functions/http/drawing/drawing.ts';
import { placesOf } from '../../../../../functions/http/drawing/layout.ts';
import { toMermaid } from '../../../../../functions/http/drawing/mermaid.ts';
import { toSvg } from '../../../../../functions/http/drawing/svg.ts';

type Fields = Readonly<Record<string, unknown>>;

function drawn(steps: readonly Fields[], name = 'Loan') {
  const end = { id: 'end', name: 'End', type: 'END' };
  const named = steps.map((step) => ({ name: step['id'], ...step }));
  const result = parseDefinition(JSON.stringify({ id: 'loan', name, steps: [...named, end] }));
  if (result.kind === 'invalid') throw new Error(result.faults.join('; '));
  return drawingOf(result.definition);
}

const task = (id: string, nextStep: string, more: Fields = {}) => ({
  ...{ id, type: 'SERVICE_TASK', jobType: 'noop', nextStep, ...more },
});

describe('a drawing of a definition', () => {
  const loop = drawn([
    task('try', 'look', {
      boundaryEvents: [{ type: 'TIMER', duration: 'PT1.5S', interrupting: true, targetStepId: 'end' }],
    }),
    { id: 'look', type: 'DECISION', conditionalNextSteps: { 'n < 3': 'try' }, nextStep: 'end' },
  ]);

  test('is Mermaid with a line for each step and way', () => {
    expect(toMermaid(loop).split('\n').slice(0, 11)).toEqual([
      '---',
      'title: "Loan"',
      '---',
      'flowchart TD',
      '  n0["try<br/>service task"]:::idle',
      '  n1{"look<br/>decision"}:::idle',
      '  n2(["End<br/>end"]):::idle',
      '  n0 --> n1',
      '  n0 -.->|"after 1.5 s"| n2',
      '  n1 -->|"n #60; 3"| n0',
      '  n1 -->|"otherwise"| n2',
    ]);
  });

  test('is laid out in layers, ways back not counted', () => {
    expect(placesOf(loop)).toEqual([
      { layer: 0, order: 0 },
      { layer: 1, order: 0 },
      { layer: 2, order: 0 },
    ]);
  });

  test('puts the branches of a gateway side by side', () => {
    const fork = drawn([
      { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: ['a', 'b'], joinStep: 'join' },
      task('a', 'join'),
      task('b', 'join'),
      { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'end' },
    ]);
    expect(placesOf(fork).map(({ layer, order }) => [layer, order])).toEqual([
      [0, 0],
      [1, 0],
      [1, 1],
      [2, 0],
      [3, 0],
    ]);
  });

  test('of thousands of steps is made', () => {
    const long = drawn(
      Array.from({ length: 5000 }, (_, n) => task(`s${n}`, n === 4999 ? 'end' : `s${n + 1}`)),
    );
    expect(placesOf(long).at(-1)).toEqual({ layer: 5000, order: 0 });
    expect(toSvg(long).match(/<rect /g)).toHaveLength(5002);
  });

  test('has nothing in it to run, whatever the names are', () => {
    const evil = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
      fc.constantFrom(
        '"]; click n0 call alert(1); n9["',
        '<script>alert(1)</script>',
        '</text><a href="javascript:x">',
        "' onload='x",
        '%%{init: {}}%%\n---',
        '`#quot;`',
      ),
    );
    const named = (name: string) => drawn([task('a', 'end', { name })], name);
    const tags = (svg: string) => svg.match(/[<>]/g)?.length;
    const quotes = (text: string) => text.match(/["'`<>]/g)?.length;
    const plain = named('x');
    void fc.assert(
      fc.property(
        evil.filter((name) => name.trim() !== ''),
        (name) => {
          const drawing = named(name);
          expect(tags(toSvg(drawing))).toBe(tags(toSvg(plain)));
          expect(quotes(toMermaid(drawing))).toBe(quotes(toMermaid(plain)));
          expect(toMermaid(drawing).split('\n').length).toBe(toMermaid(plain).split('\n').length);
        },
      ),
    );
  }, 60_000);
});
