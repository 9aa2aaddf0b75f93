import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..', '..');

describe('the wire schema', () => {
  it('passes buf lint', () => {
    expect(() =>
      execFileSync(join(root, 'node_modules', '.bin', 'buf'), ['lint'], { cwd: root, stdio: 'pipe' }),
    ).not.toThrow();
  });
});
