import { MillraceError } from '../../engine/errors.ts';
import { type Environment, readInteger, readList, readOptional } from '../env.ts';
import { readNamedFile } from '../named-file.ts';

export interface NatsConfig {
  /** `nats://host:port` or `tls://host:port`; any of one cluster. */
  readonly servers: readonly string[];
  readonly login: NatsLogin;
  /** PEM text of the authority to trust beside the usual ones. */
  readonly ca?: string;
  /** Of each stream this makes. */
  readonly replicas: number;
}

/** A secret is a function, so that printing or serialising a configuration cannot show it. */
export type NatsLogin =
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly user: string; readonly password: () => string }
  | { readonly kind: 'token'; readonly token: () => string }
  /** What `nsc` calls a credentials file. */
  | { readonly kind: 'credentials'; readonly credentials: () => Uint8Array };

export function readNatsConfig(env: Environment): NatsConfig {
  const caPath = readOptional(env, 'WE_NATS_TLS_CA_PATH');
  const credentialsPath = readOptional(env, 'WE_NATS_CREDENTIALS_PATH');
  const urls = readList(env, 'WE_NATS_URL').map(readUrl);
  const login = credentialsPath === undefined ? urls[0]?.login : readCredentials(credentialsPath);
  return Object.freeze<NatsConfig>({
    servers: urls.map(({ server }) => server),
    login: login ?? { kind: 'none' },
    replicas: readInteger(env, 'WE_NATS_REPLICAS', { fallback: 1, min: 1, max: 5 }),
    ...(caPath === undefined ? {} : { ca: readNamedFile('WE_NATS_TLS_CA_PATH', caPath).toString() }),
  });
}

/** `nats://user:password@host:4222`, or a token alone before the `@`. */
export function readUrl(text: string): { readonly server: string; readonly login: NatsLogin } {
  const url = URL.parse(text.includes('://') ? text : `nats://${text}`);
  if (!url || !/^(nats|tls):$/.test(url.protocol) || url.hostname === '') {
    throw new MillraceError(
      'configuration',
      'WE_NATS_URL is malformed: it must be a list of addresses such as nats://user:password@host:4222.',
    );
  }
  const server = `${url.protocol}//${url.hostname}:${url.port || '4222'}`;
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  if (user === '') return { server, login: { kind: 'none' } };
  if (password === '') return { server, login: { kind: 'token', token: () => user } };
  return { server, login: { kind: 'password', user, password: () => password } };
}

function readCredentials(path: string): NatsLogin {
  const credentials = readNamedFile('WE_NATS_CREDENTIALS_PATH', path);
  return { kind: 'credentials', credentials: () => credentials };
}
