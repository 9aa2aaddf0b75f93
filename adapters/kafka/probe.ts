import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { isMillraceError, MillraceError } from '../../engine/errors.ts';
import { createClient } from './client.ts';
import type { KafkaConfig } from './config.ts';
import { addresses, translate } from './errors.ts';
import { resolveBrokers } from './msk-brokers.ts';
import { connectPublisher } from './publisher.ts';

/** What was found to work, in the order in which a connection is made. */
export type ProbeStage = 'tls' | 'sasl' | 'producer';

const HANDSHAKE_MS = 5_000;

/**
 * Connects as a producer would, and reports each stage once it has worked. One broker that answers is enough.
 * @throws MillraceError with the stage's own cause: `broker_unreachable`, `broker_tls_failed`, `broker_auth_failed`,
 *   `broker_not_authorized`
 */
export async function probeKafka(config: KafkaConfig, onStage: (stage: ProbeStage) => void): Promise<void> {
  const brokers = await resolveBrokers(config).catch((error: unknown) => {
    throw isMillraceError(error) ? error : unresolved(config, error);
  });
  if (config.transport === 'plaintext') {
    await firstThatWorks(brokers, (broker) => refuseTlsPort(broker, config));
  } else {
    await firstThatWorks(brokers, (broker) => handshake(broker, config));
    onStage('tls');
  }
  await login(config);
  if (config.transport !== 'plaintext') onStage('sasl');
  // An idempotent producer is given its id only when the principal may write somewhere.
  const publisher = await connectPublisher(config, 'millrace-probe');
  await publisher.close();
  onStage('producer');
}

function unresolved(config: KafkaConfig, error: unknown): MillraceError {
  const reason = error instanceof Error ? error.message : String(error);
  return new MillraceError(
    'broker_unreachable',
    `The brokers of ${addresses(config)} could not be found: ${reason}.`,
    {
      cause: error,
      retryable: true,
    },
  );
}

async function login(config: KafkaConfig): Promise<void> {
  const admin = createClient(config, { retries: 1 }).admin();
  try {
    await admin.connect();
  } catch (error) {
    throw translate(error, { config, doing: 'connecting', otherwise: 'broker_unreachable' });
  } finally {
    await admin.disconnect();
  }
}

async function firstThatWorks(
  brokers: readonly string[],
  attempt: (broker: string) => Promise<void>,
): Promise<void> {
  let first: unknown;
  for (const broker of brokers) {
    try {
      return await attempt(broker);
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

async function handshake(broker: string, config: KafkaConfig): Promise<void> {
  const { host, port } = split(broker);
  const ca = config.ca === undefined ? {} : { ca: config.ca() };
  const socket = connectTls({ host, port, ...serverName(host), ...ca });
  let reached = false;
  socket.once('connect', () => {
    reached = true;
  });
  await settle(socket, 'secureConnect').catch((error: unknown) => {
    // A plaintext listener takes the first bytes of TLS for a request of absurd size, and hangs up.
    const hungUp =
      reached && error instanceof Error && /closed connection|disconnected|ECONNRESET/i.test(error.message);
    const cause = hungUp ? new Error('wrong version number: the broker hung up', { cause: error }) : error;
    throw translate(cause, { config, doing: 'shaking hands', otherwise: 'broker_tls_failed' });
  });
}

/** An address is not a server name: RFC 6066 forbids it there. */
function serverName(host: string): { servername?: string } {
  return isIP(host) ? {} : { servername: host };
}

/** A plaintext client at a TLS port sees only a closed connection; asking in TLS tells why. */
async function refuseTlsPort(broker: string, config: KafkaConfig): Promise<void> {
  const { host, port } = split(broker);
  await settle(connectTcp({ host, port }), 'connect').catch((error: unknown) => {
    throw translate(error, { config, doing: 'connecting', otherwise: 'broker_unreachable' });
  });
  const tls = connectTls({ host, port, ...serverName(host), rejectUnauthorized: false });
  const speaksTls = await settle(tls, 'secureConnect').then(
    () => true,
    () => false,
  );
  if (!speaksTls) return;
  throw new MillraceError(
    'broker_tls_failed',
    `The port of Kafka at ${broker} speaks TLS, and WE_KAFKA_TRANSPORT is plaintext. ` +
      'Set WE_KAFKA_TRANSPORT=sasl_scram_tls, or name the plaintext listener.',
  );
}

function settle(
  socket: TLSSocket | ReturnType<typeof connectTcp>,
  event: 'connect' | 'secureConnect',
): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    socket.setTimeout(HANDSHAKE_MS, () => reject(new Error('Connection timeout: no answer within 5 s')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('Closed connection')));
    socket.once(event, () => resolve());
  }).finally(() => socket.destroy());
}

function split(broker: string): { host: string; port: number } {
  const colon = broker.lastIndexOf(':');
  return { host: broker.slice(0, colon), port: Number(broker.slice(colon + 1)) };
}
