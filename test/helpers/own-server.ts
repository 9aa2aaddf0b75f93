import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { isMillraceError } from '../../engine/errors.ts';

interface Stoppable {
  stop(): Promise<void>;
}

/**
 * A suite with one server for all its tests. Where it cannot be had the suite is skipped, and its name says what to install;
 * in CI that is a failure.
 */
export async function describeWithServer<Server extends Stoppable>(
  name: string,
  start: (dir: string) => Promise<Server>,
  suite: (server: () => Server) => void,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-server-'));
  const started = await start(dir).catch((error: unknown) => {
    if (isMillraceError(error) && error.code === 'configuration' && process.env['CI'] !== 'true')
      return error;
    throw error;
  });
  if (started instanceof Error) {
    await rm(dir, { recursive: true, force: true });
    describe.skip(`${name} (skipped: ${started.message})`, () =>
      suite(() => {
        throw started;
      }));
    return;
  }
  describe(name, () => {
    afterAll(async () => {
      await started.stop();
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    });
    suite(() => started);
  });
}
