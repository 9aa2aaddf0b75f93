import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka';
import { type KafkaServer, startKafka } from '../../../cli/dev/backends/kafka.ts';
import { kafkaUsers } from '../../../cli/dev/backends/kafka-properties.ts';

/** What a request needed, as the broker's own authorizer has it: `WRITE`, `TOPIC`, `workflow.jobs.noop`. */
export interface Needed {
  readonly operation: string;
  readonly type: string;
  readonly name: string;
}

/** A real broker that writes down what each request must be allowed to do. Nothing is refused to these users. */
export interface AuditedKafka extends AsyncDisposable {
  readonly server: KafkaServer;
  /** Of the secured listener. */
  readonly brokers: readonly string[];
  needed(user: Audited): Promise<Needed[]>;
}

const { admin, worker } = kafkaUsers;
export type Audited = 'admin' | 'worker';

export async function startAuditedKafka(): Promise<AuditedKafka> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-audit-'));
  // Brokers in a container, or of somebody else, keep their log to themselves.
  const server = await startKafka({
    dir,
    secured: true,
    choice: { kind: 'local', java: 'java' },
    settings: {
      'super.users': ['ANONYMOUS', admin.username, worker.username].map((name) => `User:${name}`).join(';'),
    },
  });
  const stop = async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await auditAll(server.brokers);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    server,
    brokers: server.securedBrokers ?? [],
    needed: async (user) =>
      parse(await readFile(join(dir, 'broker-1', 'server.log'), 'utf8'), kafkaUsers[user].username),
    [Symbol.asyncDispose]: stop,
  };
}

/** The authorizer tells of what it allows to those who ask for details only. */
async function auditAll(brokers: readonly string[]): Promise<void> {
  const client = new Admin({ clientId: 'audit', bootstrapBrokers: [...brokers] });
  const level = {
    name: 'kafka.authorizer.logger',
    value: 'DEBUG',
    configOperation: IncrementalAlterConfigOperationTypes.SET,
  };
  try {
    await client.incrementalAlterConfigs({
      resources: [{ resourceType: ConfigResourceTypes.BROKER_LOGGER, resourceName: '1', configs: [level] }],
    });
  } finally {
    await client.close();
  }
}

function parse(log: string, user: string): Needed[] {
  const line = new RegExp(
    `Principal = User:${user} is \\w+ operation = (\\w+) from host = \\S+ on resource = (\\w+):LITERAL:(\\S+) for request`,
    'g',
  );
  const found = [...log.matchAll(line)]
    .map(([, operation = '', type = '', name = '']) => ({ operation, type: type.toUpperCase(), name }))
    // Who asks for no topic in particular, as kafkajs does at its start, is shown those it may see, and refused none.
    .filter(({ name }) => name !== '__consumer_offsets');
  return [...new Map(found.map((one) => [Object.values(one).join(' '), one])).values()];
}
