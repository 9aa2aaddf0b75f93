import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { BenchStack } from '../environment.ts';

export interface DbosLoad {
  /** No more of them than this, */
  readonly workflows: number;
  /** and none begun after so long. */
  readonly seconds: number;
}

/** Of the start of the process, the making of its tables, and its end. */
const BESIDES_MS = 60_000;

/** The same three steps in DBOS, started and run by one process of it, its tables in the same PostgreSQL. @returns steps a second */
export async function runDbos({ postgres, pool }: BenchStack, load: DbosLoad): Promise<number> {
  const settings = JSON.stringify({ dsn: postgres.dsn, concurrency: 100, ...load });
  const child = spawn(process.execPath, [join(import.meta.dirname, 'dbos-process.ts'), settings], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const gone = once(child, 'exit');
  try {
    const signal = AbortSignal.timeout(load.seconds * 1000 + BESIDES_MS);
    const [{ workflows, seconds }] = await Promise.race([
      once(child, 'message', { signal }),
      diedEarly(child),
    ]);
    const { rows } = await pool.query<{ steps: number }>(
      'select count(*)::integer as steps from dbos.operation_outputs',
    );
    if (rows[0]?.steps !== workflows * 3)
      throw new Error(`${rows[0]?.steps} steps of ${workflows} workflows`);
    return (workflows * 3) / seconds;
  } finally {
    child.kill('SIGKILL');
    await gone;
    await pool.query('drop schema if exists dbos cascade');
  }
}

async function diedEarly(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`DBOS ended with code ${code} before it had run the workflows; what it said is above`);
}
