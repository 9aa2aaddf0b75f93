import type { KafkaClient } from '@aws-sdk/client-kafka';
import { MillraceError } from '../../engine/errors.ts';

type Sdk = typeof import('@aws-sdk/client-kafka');

/**
 * Asks MSK about the cluster itself, by HTTPS and not by the Kafka protocol: from anywhere, with the credentials of AWS.
 * @throws MillraceError with one line of cause and fix, for whatever AWS refuses
 */
export async function askMsk<T>(
  arn: string,
  doing: string,
  ask: (client: KafkaClient, sdk: Sdk) => Promise<T>,
): Promise<T> {
  // Loaded only where a cluster is named: it is large, and most processes never need it.
  const sdk = await import('@aws-sdk/client-kafka');
  const client = new sdk.KafkaClient({ region: arn.split(':')[3] ?? '', maxAttempts: 3 });
  try {
    return await ask(client, sdk);
  } catch (error) {
    throw meaningOf(error, { arn, doing });
  } finally {
    client.destroy();
  }
}

function meaningOf(error: unknown, { arn, doing }: { arn: string; doing: string }): unknown {
  if (!(error instanceof Error) || error instanceof MillraceError) return error;
  const options = { cause: error };
  const said = `AWS refused ${doing} (${error.name}).`;
  switch (error.name) {
    case 'NotFoundException':
      return new MillraceError(
        'configuration',
        `There is no MSK cluster ${arn} that these credentials can see. Check WE_KAFKA_CLUSTER_ARN: aws kafka list-clusters-v2`,
        options,
      );
    case 'BadRequestException':
      return new MillraceError(
        'configuration',
        `${said} ${error.message} Check WE_KAFKA_CLUSTER_ARN.`,
        options,
      );
    case 'ExpiredTokenException':
    case 'ExpiredToken':
    case 'RequestExpired':
      return new MillraceError(
        'broker_auth_failed',
        `${said} The credentials have expired: log in again (aws sso login), or let the process take those of its role.`,
        options,
      );
    case 'CredentialsProviderError':
    case 'UnrecognizedClientException':
    case 'InvalidClientTokenId':
    case 'SignatureDoesNotMatch':
    case 'InvalidSignatureException':
      return new MillraceError(
        'broker_auth_failed',
        `${said} There are no valid credentials of AWS: set AWS_PROFILE, or let the process take those of its role.`,
        options,
      );
    case 'AccessDeniedException':
    case 'ForbiddenException':
    case 'UnauthorizedException':
      return new MillraceError(
        'broker_not_authorized',
        `${said} ${error.message} Allow it on ${arn} in the policy of this role.`,
        options,
      );
    default:
      return new MillraceError(
        'unavailable',
        `AWS did not answer ${doing} of ${arn}: ${error.message} Try again; without a way to AWS a VPC endpoint for kafka is missing.`,
        { ...options, retryable: true },
      );
  }
}
