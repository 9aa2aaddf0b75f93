import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { checkDeploy } from '../../../infra/service/deploy-check.ts';
import { CLUSTER_ARN, type FakeMsk, startFakeMsk } from '../../helpers/fake-msk.ts';

const ACCOUNT = '111122223333';
const before = { ...process.env };
let msk: FakeMsk;

beforeAll(async () => {
  msk = await startFakeMsk();
});
beforeEach(() => {
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_ENDPOINT_URL_KAFKA: msk.url,
  });
  msk.brokers = { BootstrapBrokerStringSaslIam: 'b-1:9098' };
});
afterEach(() => {
  process.env = { ...before };
});
afterAll(() => msk[Symbol.asyncDispose]());

function check(clusterArn: string, region = 'eu-west-1'): Promise<void> {
  return checkDeploy({ account: () => Promise.resolve(ACCOUNT), region, clusterArn });
}

test('a cluster that is there, and one that is yet to be made, are deployed upon', async () => {
  await check(CLUSTER_ARN);
  await check('');
});

test.each([
  [
    'that nobody has',
    CLUSTER_ARN.replace('/dev/', '/prod/'),
    /^There is no MSK cluster \S+\/prod\/\S+ that these credentials can see\. Check [^\n]+$/,
  ],
  [
    'of another account',
    CLUSTER_ARN.replace(ACCOUNT, '444455556666'),
    /^The parameter clusterArn is wrong: its cluster is in eu-west-1 of account 444455556666, and this deploys to eu-west-1 of 111122223333\. Name [^\n]+$/,
  ],
  [
    'of another region',
    CLUSTER_ARN.replace('eu-west-1', 'us-east-1'),
    /^The parameter clusterArn is wrong: its cluster is in us-east-1 [^\n]+$/,
  ],
])('a cluster %s is refused in one line with the fix', async (_, arn, line) => {
  await expect(check(arn)).rejects.toThrow(line);
});

test('a cluster that roles cannot log in to is refused in one line with the fix', async () => {
  msk.brokers = { BootstrapBrokerStringSaslScram: 'b-1:9096' };
  await expect(check(CLUSTER_ARN)).rejects.toThrow(/^[^\n]*msk_iam[^\n]*Switch[^\n]*$/);
});

test('whatever AWS says of the credentials is in one line with the fix', async () => {
  const account = () => Promise.reject(new Error('The security token\nis expired'));
  await expect(checkDeploy({ account, region: 'eu-west-1', clusterArn: '' })).rejects.toThrow(
    /^AWS does not take the credentials of this deploy \(The security token is expired\)\. Log in again [^\n]+$/,
  );
});
