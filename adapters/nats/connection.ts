import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import type { NatsConfig, NatsLogin } from './config.ts';
import { translate } from './errors.ts';

export interface Nats {
  readonly connection: NatsConnection;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Of each stream this makes. */
  readonly replicas: number;
}

const TIMEOUT_MS = 10_000;

/** One connection for everything. Once it was there it is made anew for as long as it takes. */
export async function openNats({ servers, login, ca, replicas }: NatsConfig, name: string): Promise<Nats> {
  try {
    const connection = await connect({
      servers: [...servers],
      name,
      timeout: TIMEOUT_MS,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      // What is away without having closed is noticed within seconds, not after four minutes.
      pingInterval: 5_000,
      maxPingOut: 2,
      ...loginOptions(login),
      ...tlsOptions(servers, ca),
    });
    const options = { timeout: TIMEOUT_MS };
    const manager = await jetstreamManager(connection, options).catch(async (error: unknown) => {
      await connection.close();
      throw error;
    });
    return { connection, manager, client: jetstream(connection, options), replicas };
  } catch (error) {
    throw translate(error, `connecting to ${servers.join(', ')}`);
  }
}

/**
 * Asked for by an address, a server without TLS is refused: by itself the client would go on in plain text, password and all. Of a
 * server whose address is a number it checks whether the certificate is for localhost; it is to be for one of the addresses.
 */
function tlsOptions(servers: readonly string[], ca: string | undefined) {
  if (ca === undefined && !servers.some((server) => server.startsWith('tls:'))) return {};
  const hosts = servers.map((server) => new URL(server).hostname.replaceAll(/[[\]]/g, ''));
  const check = (name: string, certificate: PeerCertificate): Error | undefined => {
    const names = name === 'localhost' ? hosts : [name];
    const faults = names.map((host) => checkServerIdentity(host, certificate));
    return faults.includes(undefined) ? undefined : faults[0];
  };
  const options = { ...(ca !== undefined && { ca }), checkServerIdentity: check };
  return { tls: options };
}

function loginOptions(login: NatsLogin) {
  switch (login.kind) {
    case 'none':
      return {};
    case 'password':
      return { user: login.user, pass: login.password() };
    case 'token':
      return { token: login.token() };
    case 'credentials':
      return { authenticator: credsAuthenticator(login.credentials()) };
    default:
      return login satisfies never;
  }
}
