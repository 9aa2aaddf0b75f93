import { MillraceError } from '../../engine/errors.ts';
import { type Environment, readOptional, readString } from '../env.ts';
import { readNamedFile } from '../named-file.ts';

export interface RedisConfig {
  /** `redis://user:password@host:6379/0`, or `rediss://…` for TLS. */
  readonly url: string;
  /** PEM text of the authority to trust instead of the usual ones. */
  readonly ca?: string;
}

export function readRedisConfig(env: Environment): RedisConfig {
  const url = readString(env, 'WE_REDIS_URL');
  const caPath = readOptional(env, 'WE_REDIS_TLS_CA_PATH');
  if (!/^rediss?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw wrong(
      'WE_REDIS_URL is malformed: it must be an address such as rediss://user:password@host:6379/0.',
    );
  if (caPath === undefined) return { url };
  if (!url.startsWith('rediss:'))
    throw wrong(
      'WE_REDIS_TLS_CA_PATH is set, and WE_REDIS_URL is not rediss://…. Make it so, or leave the path out.',
    );
  return { url, ca: readNamedFile('WE_REDIS_TLS_CA_PATH', caPath).toString() };
}

function wrong(message: string): MillraceError {
  return new MillraceError('configuration', message, { detail: { variable: 'WE_REDIS_URL' } });
}
