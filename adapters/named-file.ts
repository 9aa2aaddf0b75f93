import { readFileSync } from 'node:fs';
import { MillraceError } from '../engine/errors.ts';

/**
 * The file whose path an environment variable holds.
 * @param advice what it must be, as a sentence
 * @throws MillraceError `configuration` naming the variable
 */
export function readNamedFile(variable: string, path: string, advice?: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `${variable} cannot be read: ${reason}.${advice === undefined ? '' : ` ${advice}`}`;
    throw new MillraceError('configuration', message, { cause: error });
  }
}
