/** One broker of a cluster in KRaft combined mode: broker and controller in one process. */
export interface BrokerNode {
  /** From 1. */
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
  /** Present on a cluster which also listens with SASL over TLS. */
  readonly securedPort: number | undefined;
}

export interface BrokerLayout {
  readonly nodes: readonly BrokerNode[];
  /** The interface to listen on: loopback, or all of them inside a container. */
  readonly bind: string;
  readonly dataDir: string;
  readonly keyStorePath: string | undefined;
  readonly settings: Readonly<Record<string, string>>;
}

/** The users made at format. `admin` may do anything, `worker` what it is granted, `nobody` is granted nothing. */
export const kafkaUsers = {
  admin: { username: 'admin', password: 'admin-secret' },
  worker: { username: 'workflow-engine', password: 'workflow-secret' },
  nobody: { username: 'nobody', password: 'nobody-secret' },
} as const;

/** Arguments of the format command which make the users: they cannot be added before the broker runs in any other way. */
export function scramArguments(): string[] {
  return Object.values(kafkaUsers).flatMap(({ username, password }) => [
    '--add-scram',
    `SCRAM-SHA-512=[name=${username},password=${password}]`,
  ]);
}

export function brokerProperties(layout: BrokerLayout, node: BrokerNode): string {
  const properties = { ...base(layout, node), ...secured(layout, node), ...layout.settings };
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value.replaceAll('\\', '/')}`);
  return `${lines.join('\n')}\n`;
}

function base(layout: BrokerLayout, node: BrokerNode): Record<string, string> {
  const count = layout.nodes.length;
  const replicas = String(Math.min(3, count));
  const minInSync = String(Math.max(1, Math.min(3, count) - 1));
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    'controller.quorum.voters': layout.nodes
      .map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`)
      .join(','),
    listeners: `PLAINTEXT://${layout.bind}:${node.port},CONTROLLER://127.0.0.1:${node.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${node.port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': layout.dataDir,
    'auto.create.topics.enable': 'false',
    'default.replication.factor': replicas,
    'min.insync.replicas': minInSync,
    'offsets.topic.replication.factor': replicas,
    // 50 partitions each by default, made on first use: seconds of waiting for a cluster of one machine.
    'offsets.topic.num.partitions': '5',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minInSync,
    'transaction.state.log.num.partitions': '5',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': minInSync,
    'group.initial.rebalance.delay.ms': '0',
    // Lets a test see a dead consumer replaced without waiting the default six seconds.
    'group.min.session.timeout.ms': '1000',
    // A dead broker's partitions move to another after this time; the default is nine seconds.
    'broker.session.timeout.ms': '5000',
    'broker.heartbeat.interval.ms': '1000',
    'log.cleaner.dedupe.buffer.size': '16777216',
  };
}

function secured(layout: BrokerLayout, node: BrokerNode): Record<string, string> {
  if (node.securedPort === undefined || layout.keyStorePath === undefined) return {};
  const open = base(layout, node);
  return {
    listeners: `${open['listeners']},SASL_SSL://${layout.bind}:${node.securedPort}`,
    'advertised.listeners': `${open['advertised.listeners']},SASL_SSL://127.0.0.1:${node.securedPort}`,
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config':
      'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': layout.keyStorePath,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // The plaintext listener stays fully usable beside the secured one: its clients are all ANONYMOUS.
    'super.users': 'User:ANONYMOUS;User:admin',
    'allow.everyone.if.no.acl.found': 'false',
  };
}

/** Warnings and errors to a file of bounded size. */
export function loggingConfiguration(logPath: string): string {
  return `<Configuration status="error">
  <Appenders>
    <RollingFile name="file" fileName="${logPath}" filePattern="${logPath}.%i">
      <PatternLayout pattern="%d %p %c{1}: %m%n"/>
      <SizeBasedTriggeringPolicy size="10 MB"/>
      <DefaultRolloverStrategy max="1"/>
    </RollingFile>
  </Appenders>
  <Loggers><Root level="warn"><AppenderRef ref="file"/></Root></Loggers>
</Configuration>
`;
}
