import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import nodeFlags from '../../../cli/node-flags.json' with { type: 'json' };
import { waitFor } from '../../helpers/wait-for.ts';
import { ROOT } from './tools.ts';

/** The bundle of the image, as a task starts it. Disposing kills it. */
export interface PackagedProcess extends AsyncDisposable {
  /** @throws with what the process has said, when it does not come to that */
  until(happens: () => boolean | Promise<boolean>, what: string): Promise<void>;
}

/** @param command what the task gives the image, which has the flags of the relay for whatever it runs */
export function startPackaged(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): PackagedProcess {
  const arguments_ = [...nodeFlags.relay, join(ROOT, 'dist/cli/main.js'), ...command];
  const child = spawn(process.execPath, arguments_, {
    // Where the image has millrace.config.ts.
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4_000);
    });
  }
  return {
    until: async (happens, what) => {
      try {
        await waitFor(happens, { within: 60_000, what });
      } catch (error) {
        throw new Error(`It did not come to this: ${what}. The process said:\n${said}`, { cause: error });
      }
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
