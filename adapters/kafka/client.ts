import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  type ISocketFactoryArgs,
  Kafka,
  type KafkaConfig as KafkaJsConfig,
  logLevel,
  type SASLOptions,
} from 'kafkajs';
import type { KafkaConfig } from './config.ts';
import { resolveBrokers } from './msk-brokers.ts';

const KEEP_ALIVE_DELAY_MS = 60_000;

export interface ClientOptions {
  readonly clientId?: string;
  /** Tries after the first one, for every request that fails in a way that may pass. */
  readonly retries?: number;
}

/** kafkajs 2.2.4 (the last release, of 2023) computes negative delays for its own timers, which Node 22 and newer warn of. */
silenceNegativeTimeoutWarnings();

/** A kafkajs client for the transport. Errors come back from its calls; its own logging is off. */
export function createClient(config: KafkaConfig, options: ClientOptions = {}): Kafka {
  const sasl = saslOf(config);
  return new Kafka({
    clientId: options.clientId ?? 'millrace',
    brokers: () => resolveBrokers(config),
    ...(config.transport === 'plaintext'
      ? {}
      : { ssl: config.ca === undefined ? true : { ca: [config.ca()] } }),
    ...(sasl ? { sasl } : {}),
    connectionTimeout: 5_000,
    authenticationTimeout: 10_000,
    // Before the end of a login's time. With kafkajs's own 10 s a shorter time makes it log in at every request, over itself.
    reauthenticationThreshold: 1_000,
    requestTimeout: 30_000,
    enforceRequestTimeout: true,
    logLevel: logLevel.NOTHING,
    socketFactory: promptSocket,
    retry: { retries: options.retries ?? 8, initialRetryTime: 100, maxRetryTime: 5_000 },
  } satisfies KafkaJsConfig);
}

/**
 * As kafkajs connects, and without Nagle's algorithm: of two small requests one after the other, a commit and a fetch, the second
 * would wait until the broker acknowledges the first, which takes it 40 ms.
 */
function promptSocket({ host, port, ssl, onConnect }: ISocketFactoryArgs): Socket {
  const socket = ssl
    ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : connect({ host, port }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
  return socket;
}

function saslOf(config: KafkaConfig): SASLOptions | undefined {
  if (config.transport === 'msk_iam')
    return { mechanism: 'oauthbearer', oauthBearerProvider: () => iamToken(config) };
  if (!config.scram) return undefined;
  const { mechanism, username, password } = config.scram;
  const credentials = { username, password: password() };
  return mechanism === 'SCRAM-SHA-512'
    ? { mechanism: 'scram-sha-512', ...credentials }
    : { mechanism: 'scram-sha-256', ...credentials };
}

async function iamToken({ region = '' }: KafkaConfig): Promise<{ value: string }> {
  const { generateAuthToken } = await import('aws-msk-iam-sasl-signer-js');
  return { value: (await generateAuthToken({ region })).token };
}

function silenceNegativeTimeoutWarnings(): void {
  const emit = process.emitWarning.bind(process);
  const quiet = (warning: string | Error, ...rest: unknown[]) => {
    const name = typeof rest[0] === 'string' ? rest[0] : warning instanceof Error ? warning.name : '';
    if (name === 'TimeoutNegativeWarning') return;
    Reflect.apply(emit, process, [warning, ...rest]);
  };
  process.emitWarning = quiet as typeof process.emitWarning;
}
