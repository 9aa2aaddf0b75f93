import type { Producer } from 'kafkajs';
import type { Topic } from '../../events/ids.ts';
import { createClient } from './client.ts';
import type { KafkaConfig } from './config.ts';
import { translate } from './errors.ts';

/** No broker takes it: the protocol knows -1, 0 and 1. */
const INVALID_ACKS = 5;

/**
 * Whether the principal may write to each topic, found without writing. An idempotent producer gets its id as soon as the
 * principal may write *anywhere*, and kafkajs cannot ask for a topic's authorised operations. But a broker looks at the
 * permission first and at `acks` next, so a record sent with impossible acks is answered either TOPIC_AUTHORIZATION_FAILED
 * or INVALID_REQUIRED_ACKS, and stored in neither case (seen with Kafka 4.1's StandardAuthorizer: the offsets stay).
 * @throws MillraceError `broker_not_authorized` naming the topic, `topic_missing`, or what keeps the broker from answering
 */
export async function checkWriteAccess(config: KafkaConfig, topics: readonly Topic[]): Promise<void> {
  const producer = createClient(config, { clientId: 'millrace-probe', retries: 1 }).producer({
    allowAutoTopicCreation: false,
    createPartitioner: () => () => 0,
  });
  try {
    await producer.connect();
    for (const topic of topics) await requireWrite(producer, topic);
  } catch (error) {
    const doing = error instanceof Refused ? `writing to ${error.topic}` : 'connecting a producer';
    throw translate(error instanceof Refused ? error.cause : error, {
      config,
      doing,
      otherwise: 'broker_unreachable',
    });
  } finally {
    await producer.disconnect();
  }
}

/** Carries the topic beside kafkajs's error, which does not name it. */
class Refused extends Error {
  readonly topic: Topic;

  constructor(topic: Topic, cause: unknown) {
    super(`the broker refuses writing to ${topic}`, { cause });
    this.topic = topic;
  }
}

async function requireWrite(producer: Producer, topic: Topic): Promise<void> {
  try {
    await producer.send({ topic, acks: INVALID_ACKS, messages: [{ key: null, value: null }] });
  } catch (error) {
    if (!isInvalidAcks(error)) throw new Refused(topic, error);
  }
}

function isInvalidAcks(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('type' in error && error.type === 'INVALID_REQUIRED_ACKS') || isInvalidAcks(error.cause);
}
