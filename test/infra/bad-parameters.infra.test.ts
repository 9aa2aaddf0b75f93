import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

/** As AWS's security token service says it: docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html */
const EXPIRED =
  '<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code>' +
  '<Message>The security token included in the request is expired</Message></Error></ErrorResponse>';

test('a deploy with credentials that have expired ends in one line with the fix, having asked AWS for nothing but whose they are', async () => {
  const asked = new Set<string>();
  const aws = createServer((request, response) => {
    const credential = request.headers.authorization ?? '';
    asked.add(/\/([\w-]+)\/aws4_request/.exec(credential)?.[1] ?? credential);
    response.writeHead(403, { 'content-type': 'text/xml' }).end(EXPIRED);
  }).listen(0, '127.0.0.1');
  await once(aws, 'listening');
  const parameters = Object.entries(given).map(([name, value]) => `--param=${name}=${value}`);
  const deploying = osls(['deploy', '--stage', 'dev', ...parameters], {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(aws.address() as AddressInfo).port}`,
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'session',
  });
  await expect(deploying).rejects.toThrow(
    /^AWS does not take the credentials of this deploy \(The security token included in the request is expired\)\. Log in again \(aws sso login\).+ Nothing was changed\.$/m,
  );
  expect([...asked]).toEqual(['sts']);
  aws.closeAllConnections();
  aws.close();
}, 120_000);

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
