import { createHash, createHmac } from 'node:crypto';
import { Signer } from '@aws-sdk/rds-signer';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AwsIdentity } from '../../../adapters/aws-identity.ts';
import { rdsToken, signedHeaders } from '../../../adapters/aws-signer.ts';

const NOW = new Date('2026-03-04T05:06:07.890Z');
const credentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: 'IQoJb3JpZ2luX2VjE/+="quote',
};
const identity: AwsIdentity = { region: 'eu-west-1', credentials: async () => credentials };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([credentials, { ...credentials, sessionToken: undefined }])(
  "makes the token for RDS that AWS's own signer makes",
  async ({ sessionToken, ...keys }) => {
    const given = sessionToken === undefined ? keys : { ...keys, sessionToken };
    const address = { host: 'db.abc.eu-west-1.rds.amazonaws.com', port: 5432, user: 'millrace+app' };
    const { host: hostname, port, user: username } = address;
    const theirs = new Signer({ hostname, port, username, region: 'eu-west-1', credentials: given });

    const token = await rdsToken({ region: 'eu-west-1', credentials: async () => given }, address, NOW);

    expect(parsed(token)).toEqual(parsed(await theirs.getAuthToken()));
  },
);

test("signs a request to the API as AWS's own signer does", async () => {
  const url = 'https://abc.execute-api.eu-west-1.amazonaws.com/api/v1/jobs/claim';
  const body = '{"ids":["é"]}';

  const { authorization } = await signedHeaders(identity, { url, body }, NOW);

  expect(authorization).toBe(await theirAuthorization(url, body));
});

async function theirAuthorization(url: string, body: string): Promise<string | undefined> {
  const { hostname, pathname, host } = new URL(url);
  const signer = new SignatureV4({
    service: 'execute-api',
    region: 'eu-west-1',
    credentials,
    sha256: Sha256,
  });
  const headers = { host, 'content-type': 'application/json' };
  const request = { method: 'POST', protocol: 'https:', hostname, path: pathname, headers, body };
  return (await signer.sign(request, { signingDate: NOW })).headers['authorization'];
}

/** Order is of no matter in a query. */
function parsed(token: string): Record<string, string> {
  const url = new URL(`https://${token}`);
  return { host: url.host, path: url.pathname, ...Object.fromEntries(url.searchParams) };
}

class Sha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key = ArrayBuffer.isView(secret)
      ? Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength)
      : secret;
    this.#hash =
      key === undefined
        ? createHash('sha256')
        : createHmac('sha256', typeof key === 'string' ? key : new Uint8Array(key));
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.#hash.digest());
  }

  reset(): void {
    throw new Error('not needed here');
  }
}
