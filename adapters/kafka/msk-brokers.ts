import { MillraceError } from '../../engine/errors.ts';
import type { KafkaConfig, KafkaTransport } from './config.ts';
import { askMsk } from './msk-control-plane.ts';

/** The addresses to begin with; for a cluster ARN what MSK says at this moment, so that replaced brokers are found. */
export async function resolveBrokers(config: KafkaConfig): Promise<string[]> {
  if (config.source.kind === 'seeds') return [...config.source.brokers];
  return bootstrapBrokers(config.source.arn, config.transport);
}

async function bootstrapBrokers(arn: string, transport: KafkaTransport): Promise<string[]> {
  const answer = await askMsk(arn, 'kafka:GetBootstrapBrokers', (client, { GetBootstrapBrokersCommand }) =>
    client.send(new GetBootstrapBrokersCommand({ ClusterArn: arn })),
  );
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
}
