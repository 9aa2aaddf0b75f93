import { MillraceError } from '../../engine/errors.ts';
import { type Environment, readChoice, readInteger, readOptional, readString } from '../env.ts';
import { readNamedFile } from '../named-file.ts';

export interface MysqlConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** A function, so that printing or serialising a configuration cannot show it. */
  readonly password: () => string;
  readonly database: string;
  readonly poolSize: number;
  /** Undefined: in plain text. `ca` is the PEM text of the authority to trust instead of the usual ones. */
  readonly tls?: { readonly ca?: string };
}

export function readMysqlConfig(env: Environment): MysqlConfig {
  const tls = readChoice(env, 'WE_MYSQL_TLS', ['on', 'off'], 'off') === 'on';
  const caPath = readOptional(env, 'WE_MYSQL_TLS_CA_PATH');
  if (caPath !== undefined && !tls)
    throw new MillraceError(
      'configuration',
      'WE_MYSQL_TLS_CA_PATH is set, and WE_MYSQL_TLS is off. Set WE_MYSQL_TLS=on, or leave the path out.',
    );
  return Object.freeze<MysqlConfig>({
    ...readDsn(readString(env, 'WE_MYSQL_DSN')),
    poolSize: readInteger(env, 'WE_MYSQL_POOL_SIZE', { fallback: 10, min: 1, max: 1000 }),
    ...(tls
      ? { tls: caPath === undefined ? {} : { ca: readNamedFile('WE_MYSQL_TLS_CA_PATH', caPath).toString() } }
      : {}),
  });
}

/** `mysql://user:password@host:3306/database`. */
export function readDsn(dsn: string): Omit<MysqlConfig, 'poolSize' | 'tls'> {
  const url = URL.parse(dsn);
  const database = decodeURIComponent(url?.pathname.slice(1) ?? '');
  if (!url || !/^(mysql|mariadb):$/.test(url.protocol) || url.hostname === '' || database === '')
    throw malformed('it must be an address such as mysql://user:password@host:3306/database');
  // A parameter that is passed over may have been the one that asks for TLS.
  if (url.search !== '')
    throw malformed('it has parameters after the "?", and none is known; TLS is WE_MYSQL_TLS=on');
  const password = decodeURIComponent(url.password);
  return {
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: () => password,
    database,
  };
}

function malformed(reason: string): MillraceError {
  return new MillraceError('configuration', `WE_MYSQL_DSN is malformed: ${reason}.`, {
    detail: { variable: 'WE_MYSQL_DSN' },
  });
}
