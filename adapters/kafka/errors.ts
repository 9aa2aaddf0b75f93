import { type ErrorCode, isMillraceError, MillraceError } from '../../engine/errors.ts';
import type { Topic } from '../../events/ids.ts';
import type { KafkaConfig } from './config.ts';

export interface ErrorContext {
  readonly config: KafkaConfig;
  /** What was being done, as a clause: `publishing to workflow.jobs.a`. */
  readonly doing: string;
  /** What the error is when nothing more exact can be said. */
  readonly otherwise?: ErrorCode;
}

/** What kafkajs, TLS or the network threw, as the failure it means, each with its own words and what to do. */
export function translate(error: unknown, context: ErrorContext): MillraceError {
  if (isMillraceError(error)) return error;
  const chain = causes(error);
  const text = chain.map(({ message }) => message).join(' | ');
  const types = chain.map(typeOf);
  const options = { cause: error, retryable: true };
  for (const { when, code, say } of meanings) {
    if (when(types, text)) return new MillraceError(code, say(context, reasonOf(chain)), options);
  }
  const { config, doing, otherwise = 'publish_failed' } = context;
  return new MillraceError(
    otherwise,
    `Kafka at ${addresses(config)} failed while ${doing}: ${reasonOf(chain)}.`,
    options,
  );
}

interface Meaning {
  readonly when: (types: readonly string[], text: string) => boolean;
  readonly code: ErrorCode;
  readonly say: (context: ErrorContext, reason: string) => string;
}

/** The first that fits counts: TLS before authentication before the network, as a connection is made. */
const meanings: readonly Meaning[] = [
  {
    when: (_, text) =>
      /self.signed certificate|unable to (verify|get local issuer)|unable to get issuer/i.test(text),
    code: 'broker_tls_failed',
    say: ({ config }, reason) =>
      `The TLS handshake with Kafka at ${addresses(config)} failed: ${reason}. ` +
      (config.ca
        ? 'The certificate is not signed by the authority in WE_KAFKA_TLS_CA_PATH.'
        : 'Set WE_KAFKA_TLS_CA_PATH to the PEM file of the authority that signed the certificate.'),
  },
  {
    when: (_, text) => /wrong version number|EPROTO|packet length too long|ssl3_get_record/i.test(text),
    code: 'broker_tls_failed',
    say: ({ config }) =>
      `The port of Kafka at ${addresses(config)} does not speak TLS. Name the TLS listener in WE_KAFKA_SEED_BROKERS.`,
  },
  {
    when: (_, text) => /certificate|altname|TLS|SSL/i.test(text),
    code: 'broker_tls_failed',
    say: ({ config }, reason) => `The TLS handshake with Kafka at ${addresses(config)} failed: ${reason}.`,
  },
  {
    when: (types, text) =>
      types.includes('KafkaJSSASLAuthenticationError') ||
      types.includes('SASL_AUTHENTICATION_FAILED') ||
      /SASL .*(failed|authentication)/i.test(text),
    code: 'broker_auth_failed',
    say: ({ config }) =>
      `Kafka at ${addresses(config)} refused the user "${config.scram?.username ?? config.transport}" ` +
      `(${config.scram?.mechanism ?? config.transport}): wrong user name or password. ` +
      'Check WE_KAFKA_SASL_USERNAME and WE_KAFKA_SASL_PASSWORD.',
  },
  {
    when: (types) => types.some((type) => type.endsWith('AUTHORIZATION_FAILED')),
    code: 'broker_not_authorized',
    say: ({ config, doing }, reason) =>
      `Kafka at ${addresses(config)} does not allow ${principal(config)} this: ${doing} (${reason}). ` +
      'Grant it Write and Describe on the topics, IdempotentWrite on the cluster, and Describe on the groups of the workers.',
  },
  {
    when: (types, text) =>
      types.includes('UNKNOWN_TOPIC_OR_PARTITION') ||
      types.includes('UNKNOWN_TOPIC_ID') ||
      /Unknown topic /.test(text),
    code: 'topic_missing',
    say: ({ doing }) =>
      `A topic does not exist (${doing}). Topics are never created automatically; run: millrace topics apply`,
  },
  {
    when: (types, text) =>
      /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ECONNRESET|Connection (timeout|error|closed)|Closed connection/i.test(
        `${text} ${types.join(' ')}`,
      ) || types.some((type) => /KafkaJSConnection|KafkaJSBrokerNotFound|KafkaJSRequestTimeout/.test(type)),
    code: 'broker_unreachable',
    say: ({ config, doing }, reason) =>
      `No Kafka broker at ${addresses(config)} answers (${doing}: ${reason}). ` +
      'Check WE_KAFKA_SEED_BROKERS, WE_KAFKA_TRANSPORT and that the brokers run.',
  },
];

/** The error and all that lies behind it, outermost first: causes, kafkajs's `originalError`, the parts of an aggregate. */
function causes(error: unknown, known: Error[] = []): Error[] {
  if (!(error instanceof Error) || known.includes(error)) return known;
  known.push(error);
  causes(error.cause, known);
  if ('originalError' in error) causes(error.originalError, known);
  if (error instanceof AggregateError) for (const part of error.errors) causes(part, known);
  return known;
}

/** Protocol errors have their name in `type` (kafkajs) or `apiId` (@platformatic/kafka); others in `name` or `code`. */
function typeOf(error: Error): string {
  if ('type' in error && typeof error.type === 'string') return error.type;
  if ('apiId' in error && typeof error.apiId === 'string') return error.apiId;
  return error.name;
}

export function topicMissing(topic: Topic, cause: unknown): MillraceError {
  return new MillraceError(
    'topic_missing',
    `The topic ${topic} does not exist. Topics are never created automatically; run: millrace topics apply`,
    { cause, retryable: true, detail: { topics: [topic] } },
  );
}

/** Whether trying the same again may help, by what the protocol says of the error. */
export function isPassing(error: unknown): boolean {
  const passing = new Set(['COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR']);
  return causes(error).some((cause) => passing.has(typeOf(cause)));
}

/** Whether the broker's certificate is not to be trusted: one who trusts other authorities must ask, or nobody may. */
export function isUntrusted(error: unknown): boolean {
  return causes(error).some(({ message }) => /certificate/i.test(message));
}

/** Whether the broker refused a batch for its size. */
export function isTooLarge(error: unknown): boolean {
  return causes(error).some((cause) =>
    ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'].includes(typeOf(cause)),
  );
}

function reasonOf(chain: readonly Error[]): string {
  return (chain.at(-1)?.message ?? 'no reason given').replace(/[.\s]+$/, '');
}

export function addresses({ source }: KafkaConfig): string {
  return source.kind === 'seeds' ? source.brokers.join(',') : source.arn;
}

function principal(config: KafkaConfig): string {
  return config.scram ? `the user "${config.scram.username}"` : 'this principal';
}
