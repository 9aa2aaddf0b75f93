import { BUS_PARTITIONS } from '../../adapters/kafka/bus-partitions.ts';
import { logNameOf } from '../../engine/log-bus/log-name.ts';
import { type Broker, namedApart, quantityOf, replicasOf, versionOf } from './broker.ts';
import { atMost, copiesOf, propertiesOf, REPLICAS, userOf } from './kafka.ts';
import { Manifest } from './manifest.ts';

const FOR_EVER_MS = -1;
const RESOURCES = ['spec', 'resources'];

/** `infra/kubernetes/kafka.yml` with the values of a broker, and a topic for each stream. */
export function renderStrimzi(broker: Broker<'kafka'>): Manifest {
  const { name, config, streams } = broker;
  const replicas = replicasOf(config.replicas, REPLICAS);
  const { copies, inSync } = copiesOf(broker, replicas);
  const manifest = Manifest.read('kubernetes/kafka.yml');
  manifest.drop((kind, user) => kind === 'KafkaUser' && user !== 'millrace-bus');
  manifest.rename(name);
  manifest.of('KafkaUser').set(['metadata', 'name'], userOf(broker));
  manifest.of('KafkaNodePool').set(['metadata', 'name'], `${name}-brokers`);
  manifest.of('KafkaNodePool').set(['spec', 'replicas'], replicas);
  const { cpu, memory, storage } = config.limits ?? {};
  if (cpu !== undefined)
    manifest.of('KafkaNodePool').set([...RESOURCES, 'requests', 'cpu'], quantityOf('cpu', cpu));
  if (memory !== undefined) {
    manifest.of('KafkaNodePool').set([...RESOURCES, 'requests', 'memory'], quantityOf('memory', memory));
    manifest.of('KafkaNodePool').set([...RESOURCES, 'limits', 'memory'], memory);
  }
  if (storage !== undefined)
    manifest
      .of('KafkaNodePool')
      .set(['spec', 'storage', 'volumes', 0, 'size'], quantityOf('storage', storage));
  const version = versionOf(config.version, /^\d+\.\d+\.\d+$/, '4.1.0');
  if (version !== undefined) manifest.of('Kafka').set(['spec', 'kafka', 'version'], version);
  for (const [property, value] of Object.entries(propertiesOf({ copies, inSync }))) {
    manifest.of('Kafka').add(['spec', 'kafka', 'config', property], value);
  }
  manifest.of('Kafka').add(['spec', 'entityOperator', 'topicOperator'], {});
  for (const { name: stream, dnsName, num_replicas, max_age } of namedApart(streams)) {
    manifest.append({
      apiVersion: 'kafka.strimzi.io/v1beta2',
      kind: 'KafkaTopic',
      metadata: { name: `${name}-${dnsName}`, labels: { 'strimzi.io/cluster': name } },
      spec: {
        topicName: logNameOf(stream),
        partitions: config.kafka.partitions ?? BUS_PARTITIONS,
        replicas: atMost(num_replicas ?? copies, replicas, stream),
        config: { 'retention.ms': max_age ?? FOR_EVER_MS },
      },
    });
  }
  return manifest;
}
