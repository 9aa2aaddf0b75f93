import { MillraceError } from '../../engine/errors.ts';
import { type Environment, readList, readOptional } from '../env.ts';
import { readNamedFile } from '../named-file.ts';

export interface EtcdConfig {
  /** `http://host:port` or `https://host:port`; any of one cluster. */
  readonly hosts: readonly string[];
  /** The password is a function, so that printing or serialising a configuration cannot show it. */
  readonly login?: { readonly user: string; readonly password: () => string };
  /** PEM text of the authority to trust instead of the usual ones. */
  readonly ca?: string;
  /** Of this client, for a server that asks for one. */
  readonly certificate?: { readonly chain: string; readonly key: () => string };
}

export function readEtcdConfig(env: Environment): EtcdConfig {
  const urls = readList(env, 'WE_ETCD_URL').map(readUrl);
  const isSecured = urls.every(({ host }) => host.startsWith('https:'));
  const [ca, chain, key] = [
    readPem(env, 'WE_ETCD_TLS_CA_PATH'),
    readPem(env, 'WE_ETCD_TLS_CERT_PATH'),
    readPem(env, 'WE_ETCD_TLS_KEY_PATH'),
  ];
  if ((ca ?? chain ?? key) !== undefined && !isSecured)
    throw wrong(
      'A WE_ETCD_TLS_… variable is set, and WE_ETCD_URL is not https://… throughout. Make it so, or leave them out.',
    );
  if ((chain === undefined) !== (key === undefined))
    throw wrong('Of WE_ETCD_TLS_CERT_PATH and WE_ETCD_TLS_KEY_PATH one is set. Set both, or none.');
  const login = urls[0]?.login;
  return Object.freeze<EtcdConfig>({
    hosts: urls.map(({ host }) => host),
    ...(login && { login }),
    ...(ca !== undefined && { ca }),
    ...(chain !== undefined && key !== undefined && { certificate: { chain, key: () => key } }),
  });
}

function readUrl(text: string): { readonly host: string; readonly login?: EtcdConfig['login'] } {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '' || url.search !== '')
    throw wrong(
      'WE_ETCD_URL is malformed: it must be a list of addresses such as https://user:password@host:2379.',
    );
  const host = `${url.protocol}//${url.hostname}:${url.port || '2379'}`;
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  return user === '' ? { host } : { host, login: { user, password: () => password } };
}

function readPem(env: Environment, variable: string): string | undefined {
  const path = readOptional(env, variable);
  return path === undefined ? undefined : readNamedFile(variable, path).toString();
}

function wrong(message: string): MillraceError {
  return new MillraceError('configuration', message, { detail: { variable: 'WE_ETCD_URL' } });
}
