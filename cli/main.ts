import { isMillraceError } from '../engine/errors.ts';
import { createProgram } from './program.ts';
import { exitCodeOf } from './remote/exit-codes.ts';
import { releaseParent } from './shutdown.ts';

const program = await createProgram(process.argv[2]);

try {
  await program.parseAsync();
} catch (error) {
  // What Millrace names is said in its own words; anything else is a fault of ours and comes with its stack.
  console.error(isMillraceError(error) ? `millrace: ${error.message}` : error);
  process.exitCode = exitCodeOf(error);
  releaseParent();
}
