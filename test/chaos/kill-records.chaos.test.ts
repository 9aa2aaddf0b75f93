import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openRecordStore } from '../../adapters/open-record-store.ts';
import { openTimeoutStore, readTimeoutStore } from '../../adapters/open-timeout-store.ts';
import { readRecordStore } from '../../adapters/record-store-config.ts';
import { systemClock as clock } from '../../adapters/system/clock.ts';
import { startEtcd } from '../../cli/dev/backends/etcd.ts';
import { startMariadb } from '../../cli/dev/backends/mariadb.ts';
import { startNats } from '../../cli/dev/backends/nats.ts';
import { startRedis } from '../../cli/dev/backends/redis.ts';
import { silentLogger as logger } from '../../engine/ports/logger.ts';
import type { RunState } from '../../engine/ports/workflow-record-store.ts';
import { millrace, type Run } from '../e2e/millrace.ts';
import { createDatabase } from '../helpers/database.ts';
import { describeWithServer } from '../helpers/own-server.ts';
import { parsePage, seriesValue } from '../helpers/prometheus.ts';
import { waitFor } from '../helpers/wait-for.ts';

const within = 60_000;
const MODULE = join(import.meta.dirname, 'records', 'orders.ts');
const ORDERS = ['a', 'b', 'c'];

/** Kills a process in the middle of three steps, lets a timeout come due while none runs, and starts another. */
async function survivesAKill(settings: Record<string, string>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-kill-records-'));
  const [journal, gate] = [join(dir, 'journal'), join(dir, 'gate')];
  await writeFile(journal, '');
  const env = { ...settings, WE_METRICS_PORT: '0', TEST_JOURNAL: journal, TEST_GATE: gate };
  const verb = async <T>(...args: string[]): Promise<T> => {
    const run = millrace([...args, '--json'], { env });
    expect(await run.ended, run.output()).toBe(0);
    return JSON.parse(run.output()) as T;
  };
  const written = async (what: string) => {
    const lines = (await readFile(journal, 'utf8')).trim().split('\n');
    return new Set(lines.flatMap((line) => (line.startsWith(`${what} `) ? line.slice(what.length + 1) : [])));
  };
  const runs: Run[] = [];
  const start = async (): Promise<Run> => {
    const run = millrace(['records', 'run', MODULE], { env });
    runs.push(run);
    await waitFor(() => run.output().includes('ready'), { within, what: 'the process to be ready' });
    return run;
  };
  try {
    await verb('records', 'migrate');
    await using stack = new AsyncDisposableStack();
    const { store, ...opened } = await openRecordStore(readRecordStore(env), { env, clock, logger });
    stack.defer(() => opened.close());
    const { timeouts, ...kept } = await openTimeoutStore(readTimeoutStore(env), { env, logger });
    stack.defer(() => kept.close());
    const statusesOf = async (workflowName: string, runState: RunState) => {
      const { records } = await store.list({ workflowName, runStates: [runState], limit: 10 });
      return records.map(({ status }) => status);
    };
    const started = ORDERS.map((order) =>
      verb('records', 'start', 'orders', order, '--object', '{"cents":1}'),
    );
    await Promise.all([...started, verb('records', 'start', 'offers', 'o', '--object', '{}')]);
    const first = await start();
    await waitFor(async () => (await written('shipping')).size === ORDERS.length, { within });
    await waitFor(async () => (await timeouts.list('offers', { limit: 9 })).length === 1, { within });

    first.child.kill('SIGKILL');
    await first.ended;
    expect(await statusesOf('orders', 'running')).toEqual([2, 2, 2]);
    const shown = await verb<{ timeouts: { id: string; state: string }[] }>('timeouts', 'list', 'offers');
    expect(shown.timeouts).toMatchObject([{ state: 'pending' }]);
    await timeouts.postpone({ workflow: 'offers', id: shown.timeouts[0]?.id ?? '' }, 0);

    await writeFile(gate, '');
    const second = await start();
    const ended = async () =>
      (await statusesOf('orders', 'completed')).length === ORDERS.length &&
      (await statusesOf('offers', 'cancelled')).length === 1;
    await waitFor(ended, { within, what: 'every run to end' });
    for (const what of ['packed', 'shipped']) expect(await written(what)).toEqual(new Set(ORDERS));
    expect(await written('expired')).toEqual(new Set(['o']));

    const url = /metrics at (\S+)/.exec(second.output())?.[1] ?? '';
    expect((await fetch(new URL('/healthz', url))).status).toBe(200);
    expect(await (await fetch(new URL('/readyz', url))).json()).toMatchObject({ ready: true });
    const page = parsePage(await (await fetch(url)).text());
    const count = (name: string, labels: Record<string, string>) => seriesValue(page, name, labels);
    expect(count('workflow_record_steps_total', { workflow: 'orders', result: 'completed' })).toBe(3);
    expect(count('workflow_record_timeouts_total', { workflow: 'offers', result: 'fired' })).toBe(1);
    expect(count('workflow_record_backlog', { workflow: 'orders' })).toBeDefined();

    await drainsAtSigterm(second);
  } finally {
    for (const { child, ended } of runs) {
      child.kill('SIGKILL');
      await ended;
    }
    await rm(dir, { recursive: true, force: true });
  }

  /** A step under way when the process is told to end is finished, and stored. */
  async function drainsAtSigterm(process: Run): Promise<void> {
    await rm(gate);
    await verb('records', 'start', 'orders', 'last', '--object', '{"cents":1}');
    await waitFor(async () => (await written('shipping')).has('last'), { within });
    process.child.kill('SIGTERM');
    await waitFor(() => process.output().includes('let end'), { within });
    await writeFile(gate, '');
    expect(await process.ended).toBe(0);
    const args = ['--workflow', 'orders', '--foreign-id', 'last'];
    const { records } = await verb<{ records: unknown[] }>('records', 'list', ...args);
    expect(records).toMatchObject([{ run_state: 'completed', status: 3 }]);
  }
}

it('records in PostgreSQL alone: a process killed in the middle of its steps loses none of them, and no timeout', async () => {
  await using database = await createDatabase();
  await survivesAKill({ WE_POSTGRES_DSN: database.dsn });
}, 180_000);

await describeWithServer(
  'MariaDB, Redis, etcd and NATS',
  async (dir) => {
    const servers = await Promise.all([
      startMariadb({ dir: join(dir, 'mariadb') }),
      startNats({ dir: join(dir, 'nats') }),
      startRedis({ dir: join(dir, 'redis') }),
      startEtcd({ dir: join(dir, 'etcd') }),
    ]);
    const [mariadb, nats, redis, etcd] = servers;
    return {
      env: {
        ...{ WE_RECORD_STORE: 'mysql', WE_MYSQL_DSN: mariadb.url },
        ...{ WE_EVENT_BUS: 'nats', WE_NATS_URL: nats.url },
        ...{ WE_TIMEOUT_STORE: 'redis', WE_REDIS_URL: `redis://127.0.0.1:${redis.port}/0` },
        ...{ WE_ROLE_SCHEDULER: 'etcd', WE_ETCD_URL: `http://127.0.0.1:${etcd.port}` },
      },
      stop: async () => {
        for (const server of servers) await server.stop();
      },
    };
  },
  (servers) => {
    it('a process killed in the middle of its steps loses none of them, and no timeout', async () => {
      await survivesAKill(servers().env);
    }, 180_000);
  },
);
