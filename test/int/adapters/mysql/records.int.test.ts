import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readMysqlConfig } from '../../../../adapters/mysql/config.ts';
import { migrate } from '../../../../adapters/mysql/migrate.ts';
import { createPool, type MysqlPool } from '../../../../adapters/mysql/pool.ts';
import { insertEvent } from '../../../../adapters/mysql/sql/workflow-outbox.ts';
import { insertRecord } from '../../../../adapters/mysql/sql/workflow-records.ts';
import { createMysqlRecordStore } from '../../../../adapters/mysql/workflow-record-store.ts';
import { readNatsConfig } from '../../../../adapters/nats/config.ts';
import { NatsBus } from '../../../../adapters/nats/event-bus.ts';
import { systemClock } from '../../../../adapters/system/clock.ts';
import { startMariadb } from '../../../../cli/dev/backends/mariadb.ts';
import { startNats } from '../../../../cli/dev/backends/nats.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import type { WorkflowRecordStore } from '../../../../engine/ports/workflow-record-store.ts';
import { createApp } from '../../../../functions/compose.ts';
import { readFunctionsConfig } from '../../../../functions/config.ts';
import { newRecord, stored } from '../../../../sdk/testing/conformance/workflow-record-store.fixtures.ts';
import { millrace } from '../../../e2e/millrace.ts';
import { describeWithServer } from '../../../helpers/own-server.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

const within = 40_000;

await describeWithServer(
  'MariaDB',
  (dir) => startMariadb({ dir }),
  (server) => {
    let pool: MysqlPool;
    let store: WorkflowRecordStore;

    beforeAll(async () => {
      const config = readMysqlConfig({ WE_MYSQL_DSN: server().url });
      await migrate(config);
      pool = createPool(config);
      store = createMysqlRecordStore(pool);
    });

    afterAll(() => pool.end());

    // Several times: whether one run stands in the way of another's depends on where their ids fall.
    it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
      'an event whose number was drawn first and committed last is not passed over, nor waited for (%i)',
      async () => {
        const early = newRecord();
        const { workflowName } = early;
        await pool.inTransaction(async (db) => {
          await insertRecord(db, early);
          await insertEvent(db, early.runId);
          const late = await stored(store, newRecord({ workflowName }));
          const visible = await store.listOutboxEvents({ workflowName, limit: 10 });
          expect(visible.map(({ runId }) => runId)).toEqual([late.runId]);
          await store.deleteOutboxEvents(visible.map(({ id }) => id));
          return { commit: true, value: undefined };
        });
        const left = await store.listOutboxEvents({ workflowName, limit: 10 });
        expect(left.map(({ runId }) => runId)).toEqual([early.runId]);
      },
    );

    it('the API shows records that are in MySQL', async () => {
      const record = await stored(store, newRecord());
      const env = { WE_POSTGRES_DSN: 'postgres://127.0.0.1:1/none', WE_RECORD_STORE: 'mysql' };
      const app = createApp(readFunctionsConfig({ ...env, WE_MYSQL_DSN: server().url }));
      try {
        expect(await (await app.records()).lookup(record.runId)).toMatchObject({
          runId: record.runId,
          version: 1,
        });
      } finally {
        await app.close();
      }
    });

    it('a record is not stored when its event cannot be', async () => {
      const record = newRecord();
      await pool.execute('rename table workflow_outbox to moved_outbox');
      try {
        await expect(store.store(record)).rejects.toMatchObject({
          code: 'migration_missing',
          message: expect.stringContaining('millrace records migrate'),
        });
      } finally {
        await pool.execute('rename table moved_outbox to workflow_outbox');
      }
      expect(await store.lookup(record.runId)).toBeUndefined();
    });

    it('says what is wrong with a login, a database, and an address', async () => {
      const tryWith = async (change: (url: URL) => void) => {
        const url = new URL(server().url);
        change(url);
        const wrong = createPool(readMysqlConfig({ WE_MYSQL_DSN: url.href }));
        return createMysqlRecordStore(wrong)
          .lookup('x')
          .catch((error: unknown) => error)
          .finally(() => wrong.end());
      };
      const refused = { code: 'database_unreachable', message: expect.stringContaining('WE_MYSQL_DSN') };
      expect(await tryWith((url) => Object.assign(url, { password: 'geheim' }))).toMatchObject(refused);
      expect(await tryWith((url) => Object.assign(url, { pathname: '/none' }))).toMatchObject(refused);
      expect(await tryWith((url) => Object.assign(url, { port: '1' }))).toMatchObject({
        code: 'unavailable',
        retryable: true,
      });
    });

    it('a migration is applied once, and one that was changed since is refused', async () => {
      const config = readMysqlConfig({ WE_MYSQL_DSN: server().url });
      expect(await migrate(config)).toEqual({ applied: [] });
      const change = (checksum: string) =>
        pool.execute('update millrace_migrations set checksum = :checksum where name like :name', {
          checksum,
          name: '0002%',
        });
      const found = await pool.execute<{ checksum: string }>(
        'select checksum from millrace_migrations where name like :name',
        { name: '0002%' },
      );
      await change('0');
      await expect(migrate(config)).rejects.toMatchObject({ code: 'migration_mismatch' });
      await change(found.rows[0]?.checksum ?? '');
    });

    it('the verbs show records, and publish their events to NATS, with no PostgreSQL', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'millrace-records-'));
      const nats = await startNats({ dir });
      const env = {
        WE_RECORD_STORE: 'mysql',
        WE_MYSQL_DSN: server().url,
        WE_EVENT_BUS: 'nats',
        WE_NATS_URL: nats.url,
      };
      const publisher = millrace(['records', 'publish'], { env });
      const bus = new NatsBus({ config: readNatsConfig(env), clock: systemClock, logger: silentLogger });
      const abort = new AbortController();
      try {
        const first = await stored(store, newRecord({ workflowName: 'orders', reason: 'asked for' }));
        await stored(store, { ...first, status: 2, runState: 'completed' });
        await waitFor(() => publisher.output().includes('ready'), { within });
        const consumer = { stream: 'workflow_records', name: 'test' };
        await bus.ensureConsumer({ ...consumer, filterSubject: 'workflow_records.orders.>' });
        const versions: number[] = [];
        const subscribed = bus.subscribe(
          consumer,
          async (delivery) => {
            versions.push(JSON.parse(delivery.payload.toString()).record_version);
            await delivery.ack();
          },
          abort.signal,
        );
        await waitFor(() => versions.length >= 2, { within });
        expect(versions).toEqual([1, 2]);
        await waitFor(
          async () => (await store.listOutboxEvents({ workflowName: 'orders', limit: 1 })).length === 0,
          { within },
        );
        abort.abort();
        await subscribed;
        const listed = millrace(['records', 'list', '--workflow', 'orders', '--json'], { env });
        expect(await listed.ended).toBe(0);
        expect(JSON.parse(listed.output())).toMatchObject({
          records: [{ run_id: first.runId, status: 2, run_state: 'completed', version: 2 }],
          next_cursor: null,
        });
        const shown = millrace(['records', 'show', first.runId], { env });
        expect(await shown.ended).toBe(0);
        expect(shown.output()).toContain('object: {"amount":12}');
      } finally {
        abort.abort();
        await bus.close();
        publisher.child.kill('SIGTERM');
        expect(await publisher.ended).toBe(0);
        await nats.stop();
        await rm(dir, { recursive: true, force: true });
      }
    });
  },
);
