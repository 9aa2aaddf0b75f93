import { type KafkaConfig, readKafkaConfig } from '../../adapters/kafka/config.ts';
import { inspectCluster } from '../../adapters/kafka/inspect.ts';
import { probeKafka } from '../../adapters/kafka/probe.ts';
import { checkWriteAccess } from '../../adapters/kafka/write-access.ts';
import { type ErrorCode, isMillraceError } from '../../engine/errors.ts';
import type { Topic } from '../../events/ids.ts';
import { allow, judgeTopics } from './cluster.ts';
import { type Finding, failure, type Mend, ok, shell } from './finding.ts';

export interface BrokerContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly topics: readonly Topic[];
  readonly batchBytes: number;
}

/** What the relay needs of Kafka. */
export async function checkBroker({ env, topics, batchBytes }: BrokerContext): Promise<Finding[]> {
  const config = readKafkaConfig(env);
  const greeting = await greet(config, topics);
  if (greeting.state === 'failure') return [greeting];
  const facts = await inspectCluster(config, topics);
  const findings = [greeting, ...judgeTopics(facts, { config, topics, batchBytes })];
  for (const { topic } of facts.topics) findings.push(await checkAccess(config, topic));
  return findings;
}

async function greet(config: KafkaConfig, topics: readonly Topic[]): Promise<Finding> {
  try {
    await probeKafka(config, () => undefined);
    return ok('kafka', `Kafka takes a producer (${config.transport}).`);
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return failure('kafka', error.message, mendFor(error.code, config, topics));
  }
}

function mendFor(code: ErrorCode, config: KafkaConfig, topics: readonly Topic[]): Mend | undefined {
  const [broker = 'broker:9092'] = config.source.kind === 'seeds' ? config.source.brokers : [];
  const [host, port] = [broker.slice(0, broker.lastIndexOf(':')), broker.slice(broker.lastIndexOf(':') + 1)];
  if (code === 'broker_unreachable') return shell(`nc -vz ${host} ${port}`, 'on this host');
  if (code === 'broker_tls_failed') return shell(`openssl s_client -connect ${broker} -showcerts </dev/null`);
  if (code === 'broker_not_authorized') return allow(config, topics, ['Write', 'Describe']);
  if (code !== 'broker_auth_failed' || !config.scram) return undefined;
  const { mechanism, username } = config.scram;
  return shell(
    `kafka-configs.sh --bootstrap-server ${broker} --command-config admin.properties --alter --entity-type users --entity-name ${username} --add-config '${mechanism}=[password=…]'`,
    'with the password in WE_KAFKA_SASL_PASSWORD',
  );
}

async function checkAccess(config: KafkaConfig, topic: Topic): Promise<Finding> {
  const check = `access ${topic}`;
  try {
    await checkWriteAccess(config, [topic]);
    return ok(check, 'This principal may write to it.');
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return failure(check, error.message, allow(config, [topic], ['Write', 'Describe']));
  }
}
