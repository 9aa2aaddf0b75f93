import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { resolveBrokers } from '../../adapters/kafka/msk-brokers.ts';
import { MillraceError } from '../../engine/errors.ts';

export interface Deploy {
  /** Asks AWS whose the credentials are that the deploy will use. */
  readonly account: () => Promise<string>;
  readonly region: string;
  /** Of the cluster that is brought along; empty where the deploy makes one, or needs none. */
  readonly clusterArn: string;
}

/**
 * Asks AWS, before anything is packaged or changed, for what it would refuse in the midst of a deploy.
 * @throws MillraceError with one line of cause and fix
 */
export async function checkDeploy({ account, region, clusterArn }: Deploy): Promise<void> {
  const own = await account().catch((error: unknown) => {
    throw refused(error);
  });
  if (clusterArn === '') return;
  const [, , , itsRegion, itsAccount] = clusterArn.split(':');
  if (itsRegion !== region || itsAccount !== own) {
    throw new MillraceError(
      'configuration',
      `The parameter clusterArn is wrong: its cluster is in ${itsRegion} of account ${itsAccount}, and this deploys to ${region} of ` +
        `${own}. Name a cluster there (aws kafka list-clusters-v2), or deploy to where it is. Nothing was changed.`,
    );
  }
  // As the relay asks: the cluster must be there, and have brokers that roles may log in to.
  await resolveBrokers(
    readKafkaConfig({
      WE_KAFKA_TRANSPORT: 'msk_iam',
      WE_KAFKA_CLUSTER_ARN: clusterArn,
      AWS_REGION: region,
    }),
  );
}

function refused(error: unknown): MillraceError {
  const reason = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').trim();
  return new MillraceError(
    'configuration',
    `AWS does not take the credentials of this deploy (${reason}). Log in again (aws sso login), or name a profile that may deploy ` +
      '(AWS_PROFILE, --aws-profile). Nothing was changed.',
    { cause: error },
  );
}
