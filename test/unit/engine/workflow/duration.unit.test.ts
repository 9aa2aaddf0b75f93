import { expect, test } from 'vitest';
import { durationMs } from '../../../../engine/workflow/duration.ts';

test.each([
  ['PT2S', 2000],
  ['PT0.5S', 500],
  ['P7D', 604_800_000],
  ['P1W', 604_800_000],
  ['P1DT2H3M4S', 93_784_000],
  ['PT0S', 0],
])('%s is %i ms', (text, milliseconds) => {
  expect(durationMs(text)).toBe(milliseconds);
});

test.each(['', 'P', 'PT', 'P1DT', 'P3M', 'P1Y', '2s', 'PT-1S', 'PT1H1H', 'P1W1D', 'P99999999D'])(
  '%j is no duration',
  (text) => {
    expect(durationMs(text)).toBeUndefined();
  },
);
