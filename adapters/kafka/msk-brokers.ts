import { MillraceError } from '../../engine/errors.ts';
import type { KafkaConfig, KafkaTransport } from './config.ts';

/** The addresses to begin with; for a cluster ARN what MSK says at this moment. */
export async function resolveBrokers(config: KafkaConfig): Promise<string[]> {
  if (config.source.kind === 'seeds') return [...config.source.brokers];
  return bootstrapBrokers(config.source.arn, config.transport);
}

async function bootstrapBrokers(arn: string, transport: KafkaTransport): Promise<string[]> {
  // Loaded only where a cluster is named: it is large, and most processes never need it.
  const { GetBootstrapBrokersCommand, KafkaClient } = await import('@aws-sdk/client-kafka');
  const client = new KafkaClient({});
  try {
    const answer = await client.send(new GetBootstrapBrokersCommand({ ClusterArn: arn }));
    const text = {
      plaintext: answer.BootstrapBrokerString,
      sasl_scram_tls: answer.BootstrapBrokerStringSaslScram,
      msk_iam: answer.BootstrapBrokerStringSaslIam,
    }[transport];
    if (text) return text.split(',');
    throw new MillraceError(
      'configuration',
      `The cluster ${arn} has no brokers for WE_KAFKA_TRANSPORT=${transport}. Switch that kind of access on, or choose another.`,
    );
  } finally {
    client.destroy();
  }
}
