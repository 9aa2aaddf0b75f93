import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mutation } from './mutations.ts';

export interface MutatedFile {
  readonly path: string;
  readonly original: string;
  readonly mutated: string;
}

/** @throws Error that names the mutation when its text is not in the file exactly once */
export async function mutate(root: string, { id, file, find, replace }: Mutation): Promise<MutatedFile> {
  const path = join(root, file);
  const original = await readFile(path, 'utf8');
  const found = original.split(find).length - 1;
  if (found !== 1) {
    throw new Error(
      `Mutation ${id} no longer applies: its text occurs ${found} times in ${file}, and must once. Update it in test/mutations/mutations.ts.`,
    );
  }
  // Not as a pattern: `$` is an ordinary character of SQL.
  return { path, original, mutated: original.split(find).join(replace) };
}
