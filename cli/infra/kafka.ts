import { type Broker, wrong } from './broker.ts';

export const REPLICAS = 3;

interface Copies {
  readonly copies: number;
  readonly inSync: number;
}

export function copiesOf({ config }: Broker<'kafka'>, replicas: number): Copies {
  const copies = config.kafka.default_replication_factor ?? Math.min(3, replicas);
  const inSync = config.kafka.min_insync_replicas ?? Math.max(1, copies - 1);
  if (copies < 1 || copies > replicas)
    throw wrong(
      `kafka.default_replication_factor is ${copies}`,
      `give 1 to ${replicas}, as there are brokers`,
    );
  if (inSync < 1 || inSync > copies)
    throw wrong(`kafka.min_insync_replicas is ${inSync}`, `give 1 to ${copies}, as there are copies`);
  return { copies, inSync };
}

/** Kafka's own topics want three copies unless told otherwise, and are not made where there are fewer brokers. */
export function propertiesOf({ copies, inSync }: Copies): Readonly<Record<string, number>> {
  return {
    'default.replication.factor': copies,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': copies,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSync,
  };
}

/** What is rendered lets in over TLS, by SCRAM-SHA-512, and in no other way. */
export function userOf({ name, config: { kafka } }: Broker<'kafka'>): string {
  if (kafka.security_protocol !== 'SASL_SSL')
    throw wrong(
      `kafka.security_protocol is ${kafka.security_protocol}`,
      'set it to SASL_SSL: nobody is let in without',
    );
  if (kafka.sasl_mechanism !== 'SCRAM-SHA-512')
    throw wrong(`kafka.sasl_mechanism is ${kafka.sasl_mechanism}`, 'set it to SCRAM-SHA-512');
  const user = kafka.sasl_username ?? `${name}-bus`;
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(user)) return user;
  throw wrong(
    `kafka.sasl_username is "${user}"`,
    'give lower-case letters, digits, dots and hyphens, or set the variable that it names',
  );
}

export function atMost(copies: number, replicas: number, stream: string): number {
  if (copies >= 1 && copies <= replicas) return copies;
  throw wrong(`num_replicas of ${stream} is ${copies}`, `give 1 to ${replicas}, as there are brokers`);
}
