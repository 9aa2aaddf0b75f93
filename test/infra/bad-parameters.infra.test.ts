import { expect, test } from 'vitest';
import { osls, packageVariant, variants } from './setup/package.ts';

const given = variants[0]?.params ?? {};

test.each([
  [{ apiKeyHashes: '' }, 'The parameter apiKeyHashes is wrong: it is not given, and auth=apiKey needs it'],
  [
    { database: 'mysql' },
    'The parameter database is wrong: it is "mysql"; give one of rds, aurora, existing',
  ],
  [{ tenants: 'on' }, 'it is on, and with auth=apiKey every caller is the operator; give auth=keys'],
  [{ relayImage: '' }, 'This parameter is not given: relayImage.'],
  [{ broker: 'existing', clusterArn: 'arn:aws:kafka:nowhere' }, 'is not the ARN of an MSK cluster'],
])(
  'a parameter that is wrong is named with what mends it, before anything is made: %j',
  async (wrong, message) => {
    await expect(packageVariant({ stage: 'dev', params: { ...given, ...wrong } })).rejects.toThrow(message);
  },
);

test('the parameters of one stage are not those of another', async () => {
  const [dev, prod] = await Promise.all(
    ['dev', 'prod'].map((stage) =>
      osls([
        'print',
        '--stage',
        stage,
        '--path',
        'provider.logRetentionInDays',
        ...Object.entries(given).map(([name, value]) => `--param=${name}=${value}`),
      ]),
    ),
  );
  expect([dev, prod].map((text) => text?.trim())).toEqual(['30', '365']);
});
