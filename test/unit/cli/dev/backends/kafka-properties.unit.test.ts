import { expect, test } from 'vitest';
import { type BrokerLayout, brokerProperties } from '../../../../../cli/dev/backends/kafka-properties.ts';

const one = { id: 1, port: 9092, controllerPort: 9093, securedPort: undefined };
const layout: BrokerLayout = {
  nodes: [one],
  bind: '127.0.0.1',
  dataDir: '/data',
  keyStorePath: undefined,
  settings: {},
};

test('a broker never creates topics and listens on the loopback interface', () => {
  const lines = brokerProperties(layout, one).split('\n');
  expect(lines).toContain('auto.create.topics.enable=false');
  expect(lines).toContain('listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093');
});

test('a cluster of three keeps three copies and writes with two', () => {
  const nodes = [1, 2, 3].map((id) => ({ ...one, id }));
  const lines = brokerProperties({ ...layout, nodes }, one).split('\n');
  expect(lines).toContain('default.replication.factor=3');
  expect(lines).toContain('min.insync.replicas=2');
});

test('the authorizer comes with the secured listener only', () => {
  const node = { ...one, securedPort: 9094 };
  const text = brokerProperties({ ...layout, nodes: [node], keyStorePath: '/broker.pem' }, node);
  expect(text).toContain('SASL_SSL://127.0.0.1:9094');
  expect(text).toContain('super.users=User:ANONYMOUS;User:admin');
  expect(brokerProperties(layout, one)).not.toContain('authorizer');
});

test('settings given win over all others', () => {
  const text = brokerProperties(
    { ...layout, settings: { 'message.max.bytes': '1000', 'log.dirs': '/x' } },
    one,
  );
  expect(text).toContain('message.max.bytes=1000');
  expect(text).toContain('log.dirs=/x\n');
});
