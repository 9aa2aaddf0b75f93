import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readKafkaConfig } from '../../../../adapters/kafka/config.ts';
import { resolveBrokers } from '../../../../adapters/kafka/msk-brokers.ts';
import { applyTopics, checkTopics, planTopics } from '../../../../adapters/kafka/topics.ts';
import type { Topic } from '../../../../events/ids.ts';
import { CLUSTER_ARN, type FakeMsk, startFakeMsk } from '../../../helpers/fake-msk.ts';
import { describeKafka, kafkaBrokers } from '../../../helpers/kafka.ts';

let msk: FakeMsk;
const before = { ...process.env };
/** No credentials of the machine, and none from the network. */
const ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'canary-secret',
  AWS_EC2_METADATA_DISABLED: 'true',
};

beforeAll(async () => {
  msk = await startFakeMsk();
});
beforeEach(() => {
  Object.assign(process.env, ENVIRONMENT, { AWS_ENDPOINT_URL_KAFKA: msk.url });
  msk.refuses = undefined;
  msk.topics.clear();
});
afterEach(() => {
  process.env = { ...before };
});
afterAll(() => msk[Symbol.asyncDispose]());

function configOf(transport: string, arn = CLUSTER_ARN) {
  return readKafkaConfig({
    WE_KAFKA_TRANSPORT: transport,
    WE_KAFKA_CLUSTER_ARN: arn,
    AWS_REGION: 'eu-west-1',
  });
}

function wanted(...names: string[]) {
  return names.map((name) => ({ topic: name as Topic, partitions: 6, replicationFactor: 3 }));
}

describe('the brokers of a cluster', () => {
  test('are those of the transport, asked for anew each time, so that replaced ones are found', async () => {
    msk.brokers = { BootstrapBrokerStringSaslIam: 'b-1:9098,b-2:9098', BootstrapBrokerString: 'b-1:9092' };
    expect(await resolveBrokers(configOf('msk_iam'))).toEqual(['b-1:9098', 'b-2:9098']);
    msk.brokers = { BootstrapBrokerStringSaslIam: 'b-3:9098' };
    expect(await resolveBrokers(configOf('msk_iam'))).toEqual(['b-3:9098']);
    await expect(resolveBrokers(configOf('plaintext'))).rejects.toThrow(
      'has no brokers for WE_KAFKA_TRANSPORT=plaintext. Switch that kind of access on, or choose another.',
    );
  });

  test.each([
    ['ExpiredTokenException', 403, 'The credentials have expired: log in again'],
    ['UnrecognizedClientException', 403, 'There are no valid credentials of AWS: set AWS_PROFILE'],
    [
      'AccessDeniedException',
      403,
      `AWS refused kafka:GetBootstrapBrokers (AccessDeniedException). You may not`,
    ],
    ['ServiceUnavailableException', 503, 'Try again'],
  ])(
    'a refusal by %s is one line with the cause and the fix, and has no secret in it',
    async (name, status, says) => {
      msk.refuses = { name, status };
      const refusal = await resolveBrokers(configOf('msk_iam')).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ name: 'MillraceError', message: expect.stringContaining(says) });
      expect(String(refusal)).not.toMatch(/\n|canary-secret/);
    },
  );

  test('a cluster that does not exist, and an ARN that is none, are named', async () => {
    const elsewhere = CLUSTER_ARN.replace('/dev/', '/prod/');
    await expect(resolveBrokers(configOf('msk_iam', elsewhere))).rejects.toThrow(
      `There is no MSK cluster ${elsewhere} that these credentials can see.`,
    );
    expect(() => configOf('msk_iam', 'arn:aws:rds:eu-west-1:111122223333:db:x')).toThrow(
      'WE_KAFKA_CLUSTER_ARN is malformed: "arn:aws:rds:eu-west-1:111122223333:db:x" is not the ARN of an MSK cluster.',
    );
  });
});

describe('the topics of a cluster', () => {
  test('are planned and made through MSK, which can be reached from where its brokers cannot', async () => {
    for (const name of ['a', 'b', 'c']) msk.topics.set(name, { TopicName: name, PartitionCount: 6 });
    msk.topics.set('small', { TopicName: 'small', PartitionCount: 1 });
    const topics = wanted('a', 'small', 'new');

    const planned = await planTopics(configOf('msk_iam'), topics);
    expect(planned.map(({ topic, action }) => `${action} ${topic}`)).toEqual([
      'ok a',
      'grow small',
      'create new',
    ]);
    expect(msk.topics.has('new')).toBe(false);

    await applyTopics(configOf('msk_iam'), topics);
    expect(msk.topics.get('new')).toMatchObject({ PartitionCount: 6, ReplicationFactor: 3 });
    expect(msk.topics.get('small')).toMatchObject({ PartitionCount: 1 });
    const again = await applyTopics(configOf('msk_iam'), topics);
    expect(again.map(({ action }) => action)).toEqual(['ok', 'grow', 'ok']);
  });
});

describeKafka('a real broker behind a cluster ARN', () => {
  test('is found by it, and tells of a topic that is missing and how to make it', async () => {
    msk.brokers = { BootstrapBrokerString: kafkaBrokers().join(',') };
    await expect(checkTopics(configOf('plaintext'), ['workflow.jobs.nowhere' as Topic])).rejects.toThrow(
      'The topic workflow.jobs.nowhere does not exist. Topics are never created automatically; run: millrace topics apply',
    );
  });

  test('a refusal of MSK comes through the Kafka client as what it is', async () => {
    msk.refuses = { name: 'ExpiredTokenException', status: 403 };
    await expect(checkTopics(configOf('plaintext'), ['workflow.jobs.a' as Topic])).rejects.toMatchObject({
      code: 'broker_auth_failed',
      message: expect.stringContaining('The credentials have expired'),
    });
  });
});
