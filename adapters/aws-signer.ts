import { createHash, createHmac } from 'node:crypto';
import type { AwsCredentials, AwsIdentity } from './aws-identity.ts';

/*
 * AWS's signature, version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html), in the two
 * forms that a Lambda of ours needs. AWS's own package is 150 kB in a bundle that may have 300; the tests hold what is
 * made here against what that package makes.
 */

/** The password for one connection to RDS or RDS Proxy; it must be used within 15 minutes. */
export async function rdsToken(
  identity: AwsIdentity,
  { host, port, user }: { readonly host: string; readonly port: number; readonly user: string },
  now = new Date(),
): Promise<string> {
  const credentials = await identity.credentials();
  const scope = scopeOf(now, identity.region, 'rds-db');
  const address = `${host}:${port}`;
  const query = queryText({
    Action: 'connect',
    DBUser: user,
    'X-Amz-Algorithm': ALGORITHM,
    'X-Amz-Credential': `${credentials.accessKeyId}/${scope.text}`,
    'X-Amz-Date': scope.time,
    'X-Amz-Expires': '900',
    ...(credentials.sessionToken === undefined ? {} : { 'X-Amz-Security-Token': credentials.sessionToken }),
    'X-Amz-SignedHeaders': 'host',
  });
  const canonical = ['GET', '/', query, `host:${address}\n`, 'host', sha256('')].join('\n');
  return `${address}/?${query}&X-Amz-Signature=${signature(credentials, scope, canonical)}`;
}

/** The headers that make a POST of JSON this identity's, for an API behind IAM authorization. */
export async function signedHeaders(
  identity: AwsIdentity,
  { url, body }: { readonly url: string; readonly body: string },
  now = new Date(),
): Promise<Record<string, string>> {
  const credentials = await identity.credentials();
  const scope = scopeOf(now, identity.region, 'execute-api');
  const { host, pathname } = new URL(url);
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    host,
    'x-amz-content-sha256': sha256(body),
    'x-amz-date': scope.time,
    ...(credentials.sessionToken === undefined ? {} : { 'x-amz-security-token': credentials.sessionToken }),
  };
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join('');
  const path = pathname.split('/').map(encode).join('/');
  const canonical = ['POST', path, '', lines, names.join(';'), headers['x-amz-content-sha256']].join('\n');
  // fetch sets the host by itself.
  const { host: _, ...sent } = headers;
  const credential = `${credentials.accessKeyId}/${scope.text}`;
  const signed = signature(credentials, scope, canonical);
  return {
    ...sent,
    authorization: `${ALGORITHM} Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signed}`,
  };
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

interface Scope {
  readonly time: string;
  readonly parts: readonly string[];
  readonly text: string;
}

function scopeOf(now: Date, region: string, service: string): Scope {
  const time = now.toISOString().replace(/[:-]|\.\d{3}/g, '');
  const parts = [time.slice(0, 8), region, service, 'aws4_request'];
  return { time, parts, text: parts.join('/') };
}

function signature(credentials: AwsCredentials, { time, parts, text }: Scope, canonical: string): string {
  const key = parts.reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  );
  const toSign = [ALGORITHM, time, text, sha256(canonical)].join('\n');
  return createHmac('sha256', key).update(toSign).digest('hex');
}

function queryText(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');
}

/** As RFC 3986 wants it, which is a little more than encodeURIComponent does. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
