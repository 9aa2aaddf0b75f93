import { BUS_PARTITIONS } from '../../adapters/kafka/bus-partitions.ts';
import { logNameOf } from '../../engine/log-bus/log-name.ts';
import { type Broker, bytesOf, namedApart, versionOf, wrong } from './broker.ts';
import { atMost, copiesOf, propertiesOf, REPLICAS, userOf } from './kafka.ts';
import { Manifest, swap } from './manifest.ts';

const ZONES = 3;
const GiB = 2 ** 30;

/** `infra/cloudformation/broker-provisioned.yml` with the values of a broker, and a topic for each stream. */
export function renderMsk(broker: Broker<'kafka'>): Manifest {
  const { name, config, streams } = broker;
  const { limits = {}, replicas = REPLICAS } = config;
  if (replicas === 0 || replicas % ZONES !== 0)
    throw wrong(
      `replicas is ${replicas}`,
      `give a multiple of ${ZONES}: MSK puts as many brokers into each zone`,
    );
  if (limits.cpu !== undefined || limits.memory !== undefined) {
    throw wrong(
      'limits has cpu or memory, and MSK takes a class of brokers',
      'leave them out, and set the parameter BrokerClass when deploying',
    );
  }
  const { copies, inSync } = copiesOf(broker, replicas);
  const manifest = Manifest.read('cloudformation/broker-provisioned.yml');
  const set = (path: readonly string[], value: unknown) => manifest.of().set(path, value);
  const add = (path: readonly string[], value: unknown) => manifest.of().add(path, value);
  set(['Parameters', 'Prefix', 'Default'], name);
  set(['Parameters', 'ScramUser', 'Default'], userOf(broker));
  if (limits.storage !== undefined)
    set(['Parameters', 'BrokerStorageGiB', 'Default'], Math.ceil(bytesOf('storage', limits.storage) / GiB));
  const cluster = ['Resources', 'Brokers', 'Properties'];
  set([...cluster, 'NumberOfBrokerNodes'], replicas);
  const version = versionOf(config.version, /^\d+\.\d+\.(\d+|x)(\.kraft)?$/, '3.9.x.kraft');
  if (version !== undefined) set([...cluster, 'KafkaVersion'], version);
  const properties = ['Resources', 'BrokerConfiguration', 'Properties', 'ServerProperties'];
  set(properties, withProperties(manifest.of().text(properties), propertiesOf({ copies, inSync })));
  for (const { name: stream, logicalName, num_replicas } of namedApart(streams)) {
    add(['Resources', `Topic${logicalName}`], {
      Type: 'AWS::MSK::Topic',
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        ClusterArn: { Ref: 'Brokers' },
        TopicName: logNameOf(stream),
        PartitionCount: config.kafka.partitions ?? BUS_PARTITIONS,
        ReplicationFactor: atMost(num_replicas ?? copies, replicas, stream),
      },
    });
  }
  return manifest;
}

function withProperties(text: string, properties: Readonly<Record<string, number>>): string {
  return Object.entries(properties).reduce((lines, [property, value]) => {
    const line = new RegExp(`^${property.replaceAll('.', '\\.')}=.*$`, 'm');
    return line.test(lines) ? swap(lines, line, `${property}=${value}`) : `${lines}${property}=${value}\n`;
  }, text);
}
