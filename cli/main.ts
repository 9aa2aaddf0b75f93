import { sayLine } from '../adapters/system/engine-lines.ts';
import { createJsonLogger } from '../adapters/system/logger.ts';
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
  if (isEngine(process.argv[2]))
    sayLine(createJsonLogger(), 'fatal', { error: isMillraceError(error) ? error.message : String(error) });
  process.exitCode = exitCodeOf(error);
  releaseParent();
}

/** The two processes that together are what another engine has in one. */
function isEngine(verb = ''): boolean {
  return verb === 'api' || verb === 'relay';
}
