import { expect, test } from 'vitest';
import { readSettings } from '../../../infra/service/settings.ts';

const given = {
  prefix: 'millrace-dev',
  dispatch: 'kafka_outbox',
  network: 'create',
  database: 'existing',
  broker: 'existing',
  auth: 'iam',
  clusterArn: 'arn:aws:kafka:eu-west-1:111122223333:cluster/shared/0a1b2c3d-1111-2222-3333-444455556666-7',
  databaseSecretArn: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!db-0a1b2c3d-AbCdEf',
};

test('what is brought along is taken by its ARN', () => {
  expect(readSettings(given).values).toMatchObject({
    ClusterArn: given.clusterArn,
    DatabaseSecretArn: given.databaseSecretArn,
  });
});

test.each([
  ['clusterArn', given.databaseSecretArn, 'is not the ARN of an MSK cluster, arn:aws:kafka:'],
  ['databaseSecretArn', given.clusterArn, 'is not the ARN of a secret, arn:aws:secretsmanager:'],
  ['databaseSecretArn', 'millrace/owner', 'is not the ARN of a secret, arn:aws:secretsmanager:'],
  ['prefix', 'Millrace_Prod', 'give lower-case letters, digits and hyphens'],
  ['auth', 'none', 'give one of apiKey, keys, jwt, iam'],
  ['tenants', 'yes', 'give one of off, on'],
  ['tenants', 'on', 'with auth=iam every caller is the operator; give auth=keys'],
])('%s=%s is refused in one line that says what to give', (name, value, says) => {
  const read = () => readSettings({ ...given, [name]: value });
  expect(read).toThrow(says);
  expect(read).toThrow(new RegExp(`^The parameter ${name} is wrong: .*pass --param="${name}=…"\\.$`));
});

test('tenants are off unless they are asked for', () => {
  expect(readSettings(given).tenants).toBe('off');
  expect(readSettings({ ...given, auth: 'keys', tenants: 'on' }).tenants).toBe('on');
});

test('an ARN of what is made, and not brought along, is not looked at', () => {
  const made = { ...given, database: 'rds', broker: 'provisioned', clusterArn: 'x', databaseSecretArn: 'x' };
  expect(() => readSettings(made)).not.toThrow();
});
