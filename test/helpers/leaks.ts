import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, inject } from 'vitest';
import { commandLine } from '../../cli/dev/backends/processes.ts';
import './provided.ts';
import { waitFor } from './wait-for.ts';

/**
 * Fails the file when, after all its tests and later hooks, a process it started still runs. Call it at the top of the
 * file: hooks run last in, first out. Only Linux can tell; elsewhere it checks nothing.
 */
export function failOnLeftoverProcesses(): void {
  afterAll(async () => {
    await waitFor(async () => (await childProcesses()).length === 0, {
      within: 10_000,
      what: 'the processes of this file to end',
    }).catch(async (cause: unknown) => {
      throw new Error(`left running: ${(await childProcesses()).join(' · ')}`, { cause });
    });
  });
}

/** The command lines of our children. */
async function childProcesses(): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const found: string[] = [];
  for (const task of await readdir(`/proc/${process.pid}/task`)) {
    const pids = await readFile(`/proc/${process.pid}/task/${task}/children`, 'utf8').catch(() => '');
    for (const pid of pids.split(' ').filter((text) => text !== '')) {
      const command = await commandLine(Number(pid));
      // The bundler's service belongs to the test runner; a zombie has no command line.
      if (command !== '' && !/esbuild|rolldown/.test(command)) found.push(command);
    }
  }
  return found;
}

/** Replication slots of a database that should have none left. */
export async function slotsOf(database: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: inject('WE_TEST_POSTGRES_ADMIN_DSN') });
  await client.connect();
  try {
    const { rows } = await client.query<{ slot_name: string }>(
      'select slot_name from pg_replication_slots where database = $1::text',
      [database],
    );
    return rows.map((row) => row.slot_name);
  } finally {
    await client.end();
  }
}
