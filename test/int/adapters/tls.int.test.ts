import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Environment } from '../../../adapters/env.ts';
import { readEtcdConfig } from '../../../adapters/etcd/config.ts';
import { createClient, openEtcdRoles } from '../../../adapters/etcd/open.ts';
import { readMysqlConfig } from '../../../adapters/mysql/config.ts';
import { migrate } from '../../../adapters/mysql/migrate.ts';
import { createPool } from '../../../adapters/mysql/pool.ts';
import { readNatsConfig } from '../../../adapters/nats/config.ts';
import { openNats } from '../../../adapters/nats/connection.ts';
import { readRedisConfig } from '../../../adapters/redis/config.ts';
import { openRedisTimeoutStore } from '../../../adapters/redis/timeout-store.ts';
import { systemClock as clock } from '../../../adapters/system/clock.ts';
import { createServerIdentity } from '../../../cli/dev/backends/certificate.ts';
import { startEtcd } from '../../../cli/dev/backends/etcd.ts';
import type { LoopbackServer, ServerTls } from '../../../cli/dev/backends/loopback-server.ts';
import { startMariadb } from '../../../cli/dev/backends/mariadb.ts';
import { startNats } from '../../../cli/dev/backends/nats.ts';
import { startRedis } from '../../../cli/dev/backends/redis.ts';
import { isMillraceError } from '../../../engine/errors.ts';
import { silentLogger as logger } from '../../../engine/ports/logger.ts';
import { describeWithServer } from '../../helpers/own-server.ts';

const USER = 'ada';
const PASSWORD = 'a-secret-of-9';

/** One kind of server, how it is made to ask for a login, and how one of our adapters comes to it. */
interface Subject {
  readonly start: (dir: string, tls?: ServerTls) => Promise<LoopbackServer>;
  readonly protect?: (port: number, ca: string) => Promise<void>;
  /** @param ca undefined: the usual authorities */
  readonly env: (at: { port: number; password: string; ca?: string; isPlain?: boolean }) => Environment;
  /** Asks the server something. */
  readonly use: (env: Environment) => Promise<void>;
  readonly refused: {
    readonly login: object;
    readonly certificate: object;
    /** In plain text, by a server with TLS. */
    readonly plain: object;
    /** Over TLS, by a server without. */
    readonly encrypted: object;
  };
}

const message = (text: string) => ({ message: expect.stringContaining(text) as string });

const subjects: Readonly<Record<string, Subject>> = {
  MariaDB: {
    start: (dir, tls) => startMariadb({ dir, ...(tls && { tls }) }),
    protect: async (port, ca) => {
      const env = { WE_MYSQL_DSN: `mysql://root@127.0.0.1:${port}/millrace`, ...mysqlTls(ca) };
      await migrate(readMysqlConfig(env));
      const pool = createPool(readMysqlConfig(env));
      await pool.execute(`create user ${USER} identified by '${PASSWORD}' require ssl`);
      await pool.execute(`grant all on millrace.* to ${USER}`);
      await pool.end();
    },
    env: ({ port, password, ca, isPlain = false }) => ({
      WE_MYSQL_DSN: `mysql://${USER}:${password}@127.0.0.1:${port}/millrace`,
      ...(isPlain ? {} : mysqlTls(ca)),
    }),
    use: async (env) => {
      const pool = createPool(readMysqlConfig(env));
      try {
        const { rows } = await pool.execute<{ Value: string }>("show status like 'Ssl_version'");
        expect(rows[0]?.Value).toMatch(/^TLSv1\.[23]$/);
      } finally {
        await pool.end();
      }
    },
    refused: {
      login: { code: 'database_unreachable', ...message('WE_MYSQL_DSN') },
      certificate: { code: 'database_unreachable', ...message('WE_MYSQL_TLS') },
      plain: { code: 'database_unreachable', ...message('WE_MYSQL_TLS') },
      encrypted: { code: 'database_unreachable', ...message('WE_MYSQL_TLS') },
    },
  },
  Redis: {
    start: (dir, tls) => startRedis({ dir, ...(tls && { tls }), settings: { requirepass: PASSWORD } }),
    env: ({ port, password, ca, isPlain = false }) => ({
      WE_REDIS_URL: `${isPlain ? 'redis' : 'rediss'}://:${password}@127.0.0.1:${port}/0`,
      ...(ca !== undefined && !isPlain && { WE_REDIS_TLS_CA_PATH: ca }),
    }),
    use: async (env) => {
      await using store = await openRedisTimeoutStore({ ...readRedisConfig(env), logger });
      expect(await store.due('orders', 1)).toEqual([]);
    },
    refused: {
      login: { code: 'configuration', ...message('user, password') },
      certificate: { code: 'configuration', ...message('WE_REDIS_TLS_CA_PATH') },
      plain: { code: 'unavailable', ...message('rediss://') },
      encrypted: { code: 'unavailable', ...message('redis://') },
    },
  },
  etcd: {
    start: (dir, tls) => startEtcd({ dir, ...(tls && { tls }) }),
    protect: async (port, ca) => {
      const url = { WE_ETCD_URL: `https://127.0.0.1:${port}`, WE_ETCD_TLS_CA_PATH: ca };
      const client = createClient(readEtcdConfig(url));
      const role = client.role('root');
      for (const name of ['root', USER]) {
        await client.user(name).create(PASSWORD);
        if (name === 'root') await role.create();
        await client.user(name).addRole(role);
      }
      await client.auth.authEnable();
      client.close();
    },
    env: ({ port, password, ca, isPlain = false }) => ({
      WE_ETCD_URL: `${isPlain ? 'http' : 'https'}://${USER}:${password}@127.0.0.1:${port}`,
      ...(ca !== undefined && !isPlain && { WE_ETCD_TLS_CA_PATH: ca }),
    }),
    use: async (env) => {
      const { roles, close } = await openEtcdRoles(env, { clock, logger });
      try {
        const lease = await roles.acquire('tls', AbortSignal.timeout(20_000));
        expect(lease).toBeDefined();
        await lease?.release();
      } finally {
        await close();
      }
    },
    refused: {
      login: { code: 'configuration', ...message('user, password') },
      certificate: { code: 'configuration', ...message('WE_ETCD_TLS_CA_PATH') },
      plain: { code: 'unavailable', ...message('https://') },
      encrypted: { code: 'unavailable', ...message('http://') },
    },
  },
  NATS: {
    start: (dir, tls) => startNats({ dir, ...(tls && { tls }), login: { user: USER, password: PASSWORD } }),
    env: ({ port, password, ca, isPlain = false }) => ({
      WE_NATS_URL: `${isPlain ? 'nats' : 'tls'}://${USER}:${password}@127.0.0.1:${port}`,
      ...(ca !== undefined && !isPlain && { WE_NATS_TLS_CA_PATH: ca }),
    }),
    use: async (env) => {
      const { connection, manager } = await openNats(readNatsConfig(env), 'tls');
      try {
        expect((await manager.getAccountInfo()).streams).toBe(0);
        expect(connection.info?.tls_required).toBe(true);
      } finally {
        await connection.close();
      }
    },
    refused: {
      login: { code: 'broker_auth_failed', ...message('password') },
      certificate: { code: 'broker_tls_failed', ...message('WE_NATS_TLS_CA_PATH') },
      plain: { code: 'broker_tls_failed', ...message('WE_NATS_TLS_CA_PATH') },
      encrypted: { code: 'broker_tls_failed', ...message('tls://') },
    },
  },
};

function mysqlTls(ca: string | undefined) {
  return { WE_MYSQL_TLS: 'on', ...(ca !== undefined && { WE_MYSQL_TLS_CA_PATH: ca }) };
}

/** @returns the paths of what a server shows, and of what its clients are to trust */
async function identityIn(dir: string, host?: string): Promise<ServerTls & { readonly ca: string }> {
  await mkdir(dir, { recursive: true });
  const { caPem, keyStorePem } = createServerIdentity(new Date(), host);
  const at = keyStorePem.indexOf('-----BEGIN CERTIFICATE-----');
  const files = { certPath: join(dir, 'cert.pem'), keyPath: join(dir, 'key.pem'), ca: join(dir, 'ca.pem') };
  await writeFile(files.certPath, keyStorePem.slice(at));
  await writeFile(files.keyPath, keyStorePem.slice(0, at));
  await writeFile(files.ca, caPem);
  return files;
}

for (const [name, subject] of Object.entries(subjects)) {
  await describeWithServer(
    `${name} with TLS and a password`,
    async (dir) => {
      const identity = await identityIn(join(dir, 'tls'));
      const server = await subject.start(join(dir, 'server'), identity);
      const stop = () => server.stop();
      return { server, identity, dir, stop };
    },
    (started) => {
      let stranger = '';
      const with_ = (change: { password?: string; ca?: string; isPlain?: boolean }) => {
        const { port } = started().server;
        return subject.env({ port, password: PASSWORD, ca: started().identity.ca, ...change });
      };
      const refusal = async (change: Parameters<typeof with_>[0]) => {
        const error: unknown = await subject.use(with_(change)).catch((thrown: unknown) => thrown);
        expect(isMillraceError(error), String(error)).toBe(true);
        expect(String(error)).not.toContain(PASSWORD);
        return error;
      };

      beforeAll(async () => {
        const { server, identity, dir } = started();
        await subject.protect?.(server.port, identity.ca);
        stranger = (await identityIn(join(dir, 'stranger'))).ca;
      }, 60_000);

      it('is used encrypted, under its name and with its password', async () => {
        await subject.use(with_({}));
      });

      it('is refused when an authority that is not trusted has signed its certificate', async () => {
        expect(await refusal({ ca: stranger })).toMatchObject(subject.refused.certificate);
      });

      it('refuses a wrong password, and it is said', async () => {
        expect(await refusal({ password: 'guessed' })).toMatchObject(subject.refused.login);
      });

      it('is not spoken to in plain text, and it is said', async () => {
        expect(await refusal({ isPlain: true })).toMatchObject(subject.refused.plain);
      });
    },
  );

  await describeWithServer(
    `${name} with the certificate of another host`,
    async (dir) => {
      const identity = await identityIn(join(dir, 'tls'), 'elsewhere.example');
      const server = await subject.start(join(dir, 'server'), identity);
      return { server, identity, stop: () => server.stop() };
    },
    (started) => {
      it('is refused, though its authority is trusted', async () => {
        const { server, identity } = started();
        const env = subject.env({ port: server.port, password: PASSWORD, ca: identity.ca });
        const error: unknown = await subject.use(env).catch((thrown: unknown) => thrown);
        expect(error).toMatchObject(subject.refused.certificate);
      });
    },
  );

  await describeWithServer(
    `${name} without TLS`,
    (dir) => subject.start(join(dir, 'server')),
    (server) => {
      it('is not given the password of whoever asked for TLS', async () => {
        const env = subject.env({ port: server().port, password: PASSWORD });
        const error: unknown = await subject.use(env).catch((thrown: unknown) => thrown);
        expect(error).toMatchObject(subject.refused.encrypted);
      });
    },
  );
}
