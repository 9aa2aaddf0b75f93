import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mutate } from '../../mutations/apply.ts';
import { mutations, notApplicable } from '../../mutations/mutations.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

describe('the known bugs', () => {
  it.each(mutations)('$id still applies to $file', async (mutation) => {
    const { original, mutated } = await mutate(ROOT, mutation);
    expect(mutated).not.toBe(original);
    await access(join(ROOT, mutation.caughtBy.file));
  });

  it('are all there, or it is said why not', () => {
    const known = new Set([...mutations.map(({ id }) => id), ...Object.keys(notApplicable)]);
    for (let number = 1; number <= 18; number += 1) expect(known).toContain(`M${number}`);
  });
});
