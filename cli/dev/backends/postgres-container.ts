import { PostgreSqlContainer } from '@testcontainers/postgresql';
import { getContainerRuntimeClient } from 'testcontainers';
import type { PostgresOptions, PostgresServer } from './postgres.ts';
import type { PostgresVersion } from './postgres-binaries.ts';

const DATA = '/var/lib/postgresql/millrace';

type ContainerOptions = PostgresOptions & { readonly version: PostgresVersion };

/** For platforms without PostgreSQL binaries of their own; undefined when no Docker engine answers. */
export async function startPostgresContainer(options: ContainerOptions): Promise<PostgresServer | undefined> {
  const hasEngine = await getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
  if (!hasEngine) return undefined;
  const { version, dataDir } = options;
  options.onProgress?.(`starting PostgreSQL ${version} in Docker`);
  const container = await new PostgreSqlContainer(`postgres:${version}-alpine`)
    .withDatabase('workflow')
    .withUsername('workflow')
    .withPassword('workflow')
    .withEnvironment({ PGDATA: DATA })
    .withBindMounts([{ source: dataDir, target: DATA }])
    .withExposedPorts(options.port === undefined ? 5432 : { container: 5432, host: options.port })
    .withCommand(['postgres', ...flags(options.settings ?? {})])
    .start();
  const [host, port] = [container.getHost(), container.getMappedPort(5432)];
  // The image makes its user a superuser, so one address serves as both.
  const dsn = `postgres://workflow:workflow@${host}:${port}/workflow`;
  const end = async (timeout: number): Promise<void> => {
    await container.stop({ timeout });
  };
  return {
    dsn,
    adminDsn: dsn,
    host,
    port,
    pid: undefined,
    version,
    dataDir,
    stop: () => end(15_000),
    // Docker kills at once when it may not wait: the nearest to a crash.
    kill: (mode) => end(mode === 'fast' ? 15_000 : 0),
  };
}

function flags(settings: Readonly<Record<string, string>>): string[] {
  const all = {
    wal_level: 'logical',
    max_connections: '200',
    max_wal_senders: '60',
    max_replication_slots: '60',
    timezone: 'UTC',
    ...settings,
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
