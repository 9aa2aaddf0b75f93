import { type ConnectionOptions, SASLMechanisms, type SASLOptions } from '@platformatic/kafka';
import type { KafkaConfig } from './config.ts';

/** How a client of @platformatic/kafka connects with this transport. */
export function connectionOptions(config: KafkaConfig): ConnectionOptions {
  const sasl = saslOf(config);
  return {
    connectTimeout: 5_000,
    ...(config.transport === 'plaintext' ? {} : { tls: config.ca === undefined ? {} : { ca: config.ca() } }),
    ...(sasl ? { sasl } : {}),
  };
}

function saslOf(config: KafkaConfig): SASLOptions | undefined {
  if (config.transport === 'msk_iam') {
    return { mechanism: SASLMechanisms.OAUTHBEARER, token: () => iamToken(config.region ?? '') };
  }
  if (!config.scram) return undefined;
  const { mechanism, username, password } = config.scram;
  return { mechanism, username, password };
}

async function iamToken(region: string): Promise<string> {
  const { generateAuthToken } = await import('aws-msk-iam-sasl-signer-js');
  return (await generateAuthToken({ region })).token;
}
