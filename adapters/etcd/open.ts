import { connect, rootCertificates } from 'node:tls';
import { Etcd3 } from 'etcd3';
import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { RoleScheduler } from '../../engine/ports/role-scheduler.ts';
import type { Environment } from '../env.ts';
import { type EtcdConfig, readEtcdConfig } from './config.ts';
import { translate } from './errors.ts';
import { EtcdRoleScheduler } from './role-scheduler.ts';

const FIRST_ANSWER_MS = 10_000;

/**
 * The scheduler with a connection of its own, which closing it ends. etcd is asked once: what a wrong certificate or password
 * would say at every try, its caller learns here.
 */
export async function openEtcdRoles(
  env: Environment,
  deps: { readonly clock: Clock; readonly logger: Logger },
): Promise<{ readonly roles: RoleScheduler; close(): Promise<void> }> {
  const config = readEtcdConfig(env);
  const client = createClient(config);
  try {
    await client
      .get('millrace/roles/')
      .options({ deadline: Date.now() + FIRST_ANSWER_MS })
      .exec();
  } catch (error) {
    client.close();
    throw translate((await tlsFault(config)) ?? error, config.hosts.join(', '));
  }
  return {
    roles: new EtcdRoleScheduler({ ...deps, client }),
    close: async () => client.close(),
  };
}

/** The client says of a handshake that failed only that there is no connection. Undefined where it does not fail. */
function tlsFault({ hosts: [first = ''], ca, certificate }: EtcdConfig): Promise<Error | undefined> {
  const { protocol, hostname, port } = new URL(first);
  if (protocol !== 'https:') return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname,
      port: Number(port),
      ...(ca !== undefined && { ca }),
      ...(certificate && { cert: certificate.chain, key: certificate.key() }),
    });
    const end = (fault?: Error): void => {
      socket.destroy();
      resolve(fault);
    };
    socket.setTimeout(FIRST_ANSWER_MS, () => end());
    socket.once('secureConnect', () => end()).once('error', end);
  });
}

export function createClient({ hosts, login, ca, certificate }: EtcdConfig): Etcd3 {
  return new Etcd3({
    hosts: [...hosts],
    ...(login && { auth: { username: login.user, password: login.password() } }),
    ...(hosts[0]?.startsWith('https:') && {
      credentials: {
        rootCertificate: Buffer.from(ca ?? rootCertificates.join('\n')),
        ...(certificate && {
          certChain: Buffer.from(certificate.chain),
          privateKey: Buffer.from(certificate.key()),
        }),
      },
    }),
  });
}
