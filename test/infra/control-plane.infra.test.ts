import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readMigrateConfig } from '../../functions/migrate/config.ts';
import { respond } from '../../functions/migrate/custom-resource.ts';
import { ownerLogin, secretsManager } from '../../functions/migrate/owner-login.ts';
import { type JsonObject, readTemplate } from '../../infra/service/template.ts';
import { FAILURES } from '../../infra/service/workers.ts';
import { type Call, type Moto, REGION, startMoto } from './setup/moto.ts';
import { ROOT } from './setup/tools.ts';

let moto: Moto;
const before = { ...process.env };
beforeAll(async () => {
  moto = await startMoto();
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: moto.endpoint,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
});
afterAll(async () => {
  for (const name of ['AWS_ENDPOINT_URL', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
  await moto?.[Symbol.asyncDispose]();
});

function resourcesOf(template: string): readonly [string, { Type: string; Properties: JsonObject }][] {
  const resources: readonly [string, unknown][] = Object.entries(
    readTemplate(join(ROOT, `infra/cloudformation/${template}.yml`)).Resources,
  );
  return resources as readonly [string, { Type: string; Properties: JsonObject }][];
}

describe('Secrets Manager', () => {
  const migrateWith = (secretArn: string) =>
    readMigrateConfig({ WE_MIGRATE_HOST: 'db.internal', WE_MIGRATE_SECRET_ARN: secretArn });

  test('gives the migrations the login of the owner, as RDS keeps it', async () => {
    const secret = JSON.stringify({ username: 'owner', password: 'p@ss/word' });
    const [made] = await moto.call([
      ['secretsmanager', 'create_secret', { Name: 'db', SecretString: secret }],
    ]);
    const { ARN } = made as { ARN: string };

    const { dsn, password } = await ownerLogin(migrateWith(ARN), secretsManager);

    expect(dsn).toBe('postgres://owner@db.internal:5432/millrace');
    expect(await password?.()).toBe('p@ss/word');
  });

  test('refuses a secret that is not there, and the migrations say which and what to check', async () => {
    const arn = `arn:aws:secretsmanager:${REGION}:123456789012:secret:gone-AbCdEf`;
    await expect(ownerLogin(migrateWith(arn), secretsManager)).rejects.toThrow(
      `The secret ${arn} of the database's owner cannot be read`,
    );
  });
});

test('S3 takes the answer to CloudFormation at the address that is signed for it', async () => {
  const at = { Bucket: 'answers', Key: 'answer' };
  const [, url] = await moto.call([
    ['s3', 'create_bucket', { Bucket: 'answers', CreateBucketConfiguration: { LocationConstraint: REGION } }],
    ['s3', 'generate_presigned_url', { ClientMethod: 'put_object', Params: at }],
  ]);
  const event = { ResponseURL: url, StackId: 'stack', RequestId: 'request', LogicalResourceId: 'Migrations' };

  const outcome = { status: 'SUCCESS', data: { applied: '9' } } as const;
  await respond(event as never, outcome, { pause: () => Promise.resolve() });

  const [object] = await moto.call([['s3', 'get_object', at]]);
  expect(JSON.parse((object as { Body: string }).Body)).toMatchObject({
    Status: 'SUCCESS',
    RequestId: 'request',
    Data: { applied: '9' },
  });
});

test('SQS makes the queue of what was given up, encrypted and kept for two weeks', async () => {
  const attributes = Object.entries(FAILURES.Properties).map(([name, value]) => [name, String(value)]);
  const [made] = await moto.call([
    ['sqs', 'create_queue', { QueueName: 'failures', Attributes: Object.fromEntries(attributes) }],
  ]);
  const { QueueUrl } = made as { QueueUrl: string };
  const [, seen] = await moto.call([
    ['sqs', 'send_message', { QueueUrl, MessageBody: '{}' }],
    ['sqs', 'get_queue_attributes', { QueueUrl, AttributeNames: ['All'] }],
    ['sqs', 'purge_queue', { QueueUrl }],
  ]);
  expect(seen).toMatchObject({
    Attributes: { SqsManagedSseEnabled: 'true', MessageRetentionPeriod: '1209600' },
  });
});

describe('CloudWatch and SNS', () => {
  test('take every alarm, each with somebody to tell, and every dashboard', async () => {
    const topic = await alarmTopic();
    const all = ['alarms', 'alarms-relay', 'alarms-polling'].flatMap(resourcesOf);
    const calls = all.flatMap(([name, { Type, Properties }]): Call[] => {
      const own = resolved(Properties, topic) as Record<string, unknown>;
      if (Type === 'AWS::CloudWatch::Alarm')
        return [['cloudwatch', 'put_metric_alarm', { AlarmName: name, ...own }]];
      return Type === 'AWS::CloudWatch::Dashboard' ? [['cloudwatch', 'put_dashboard', own]] : [];
    });
    const answers = await moto.call([...calls, ['cloudwatch', 'describe_alarms', {}]]);

    const { MetricAlarms } = answers.at(-1) as { MetricAlarms: { AlarmActions: string[] }[] };
    expect(MetricAlarms).toHaveLength(calls.length - 2);
    expect(MetricAlarms.length).toBeGreaterThan(20);
    for (const { AlarmActions } of MetricAlarms) expect(AlarmActions).toEqual([topic]);
    const faults = answers.flatMap(
      (answer) => (answer as { DashboardValidationMessages?: [] }).DashboardValidationMessages ?? [],
    );
    expect(faults).toEqual([]);
  });

  /** Topic and key by moto's own CloudFormation, from the template; it knows no subscriptions, so that is asked of SNS. */
  async function alarmTopic(): Promise<string> {
    const { AlarmTopic, AlarmKey, AlarmSubscription } = Object.fromEntries(resourcesOf('alarms'));
    const template = JSON.stringify({ Resources: { AlarmTopic, AlarmKey } });
    const [, topics] = await moto.call([
      ['cloudformation', 'create_stack', { StackName: 'alarms', TemplateBody: template }],
      ['sns', 'list_topics', {}],
    ]);
    const [{ TopicArn } = { TopicArn: '' }] = (topics as { Topics: { TopicArn: string }[] }).Topics;
    const subscription = resolved(AlarmSubscription?.Properties, TopicArn) as Record<string, unknown>;
    const [attributes, , list] = await moto.call([
      ['sns', 'get_topic_attributes', { TopicArn }],
      ['sns', 'subscribe', subscription],
      ['sns', 'list_subscriptions_by_topic', { TopicArn }],
    ]);
    expect(attributes).toMatchObject({ Attributes: { KmsMasterKeyId: expect.stringMatching(/./) } });
    expect(list).toMatchObject({ Subscriptions: [{ Protocol: 'email', Endpoint: 'AlarmEmail' }] });
    return TopicArn;
  }
});

/** References become their own names, but the topic. */
function resolved(value: unknown, topic: string): unknown {
  if (Array.isArray(value)) return value.map((one) => resolved(one, topic));
  if (typeof value !== 'object' || value === null) return value;
  if ('Ref' in value) return String(value.Ref).startsWith('AlarmTopic') ? topic : String(value.Ref);
  if ('Fn::Sub' in value) return String(value['Fn::Sub']).replaceAll(/\$\{[\w:]+\}/g, 'x');
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, resolved(inner, topic)]));
}
