import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { freePort } from '../../cli/dev/backends/ports.ts';
import { startPostgres } from '../../cli/dev/backends/postgres.ts';
import { findBinaries, type PostgresVersion } from '../../cli/dev/backends/postgres-binaries.ts';
import { runCommand } from '../../cli/dev/backends/processes.ts';
import { startTcpProxy } from '../helpers/tcp-proxy.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';
import { checkHistory } from './history.ts';
import { OwnPostgres } from './own-postgres.ts';
import { Workload } from './workload.ts';

const REBUILDS = 'workflow_engine_dispatch_relay_rebuilds_total';
const OLD = 15;

/** Those of a whole installation; the servers from npm have no tools beside them. */
const tools = (await findBinaries(OLD)) ?? '';
const hasTools = await access(join(tools, 'pg_dump')).then(
  () => true,
  () => false,
);

describe.skipIf(!hasTools)(
  `an upgrade of PostgreSQL ${OLD}${hasTools ? '' : ' (skipped: no pg_dump)'}`,
  () => {
    test.each<[PostgresVersion]>([[18]])(
      'to %i, which has the tables and no slot, loses nothing and repeats nothing',
      { timeout: 120_000 },
      async (version) => {
        await using stack = new AsyncDisposableStack();
        const old = stack.use(await OwnPostgres.start({ version: OLD }));
        let target = old.port;
        const endpoint = stack.use(await startTcpProxy(await freePort(), () => target));
        const dsn = old.dsn.replace(`:${old.port}/`, `:${endpoint.port}/`);
        const fixture = stack.use(RelayFixture.on(old.through(dsn)));
        const work = stack.use(new Workload({ dsn: () => dsn }));
        const { broker } = await fixture.lead();
        work.start();
        await waitFor(() => broker.seen.length > 500, { within: 30_000 });
        await fixture.stopRelays();
        // Accepted until the end, and seen by no relay of the old server.
        await work.stop();
        await work.burst(100);
        expect(await fixture.outboxRows()).toBeGreaterThan(0);
        const upgraded = stack.use(await upgrade(old, version));
        target = upgraded.port;
        await old.kill();
        await migrate({ dsn });
        const relay = await fixture.lead({ broker });
        await work.burst(100);
        await waitFor(async () => (await fixture.outboxRows()) === 0, {
          within: 60_000,
          what: 'an empty outbox',
        });
        checkHistory(work.written, broker.seen, { duplicates: 0, left: await fixture.outboxRows() });
        expect(await relay.metric(REBUILDS)).toBe(1);
      },
    );
  },
);

/** A server of that version with all that is in the old one's database, and nothing that is beside it. */
async function upgrade(old: OwnPostgres, version: PostgresVersion) {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-upgrade-'));
  const server = await startPostgres({ version, dataDir: join(dir, 'data') });
  const dump = join(dir, 'dump.sql');
  await run('pg_dump', ['--dbname', asSuperuser(old.dsn), '--file', dump]);
  await run('psql', [
    '--dbname',
    asSuperuser(server.dsn),
    '--quiet',
    '--set',
    'ON_ERROR_STOP=1',
    '--file',
    dump,
  ]);
  return {
    port: server.port,
    [Symbol.asyncDispose]: () => server.stop().then(() => rm(dir, { recursive: true, force: true })),
  };
}

function asSuperuser(dsn: string): string {
  return dsn.replace('workflow:workflow@', 'postgres:postgres@');
}

async function run(tool: string, args: readonly string[]): Promise<void> {
  const { code, output } = await runCommand(join(tools, tool), [...args]);
  if (code !== 0) throw new Error(`${tool} failed: ${output}`);
}
