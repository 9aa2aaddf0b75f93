import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../../cli/dev/backends/processes.ts';

/** Its `bench` speaks to the servers of Debian too. */
export const NATS_CLI = 'v0.1.5';

const DIR = join(import.meta.dirname, '..', '..', '..', '.millrace', `natscli-${NATS_CLI}`);
const MODULE = `module tools\n\ngo 1.22\n\nrequire github.com/nats-io/natscli ${NATS_CLI}\n`;
const PACKAGE = 'github.com/nats-io/natscli/nats';
/** What makes `go build` look for what the command needs. */
const IMPORT = `//go:build tools\n\npackage tools\n\nimport _ "${PACKAGE}"\n`;

/** The one that is installed, or else built by Go, once. @throws Error that says what to install */
export async function findNatsCli(): Promise<string> {
  if ((await runCommand('nats', ['--version'])).code === 0) return 'nats';
  const own = join(DIR, 'nats');
  const isThere = await access(own).then(
    () => true,
    () => false,
  );
  if (isThere) return own;
  await mkdir(DIR, { recursive: true });
  await writeFile(join(DIR, 'go.mod'), MODULE);
  await writeFile(join(DIR, 'tools.go'), IMPORT);
  const built = await runCommand('go', ['build', '-mod=mod', '-o', own, PACKAGE], { cwd: DIR });
  if (built.code === 0) return own;
  const why = built.output.trim().split('\n').at(-1) ?? '';
  throw new Error(`nats is not there and could not be built (install natscli ${NATS_CLI}, or Go): ${why}`);
}
