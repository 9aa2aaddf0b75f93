import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createJwtVerifier } from '../../../functions/auth/jwt.ts';

const [issuer, audience] = ['https://issuer.test', 'millrace-test'];
const pair = await generateKeyPair('RS256');
let server: Server;

beforeAll(async () => {
  const keys = [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }];
  server = createServer((_request, response) => response.end(JSON.stringify({ keys })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.close();
});

function verifier(tenantClaim?: string) {
  const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return createJwtVerifier({ issuer, audience, jwksUrl, tenantClaim });
}

function token(claims: Record<string, unknown>): Promise<string> {
  return new SignJWT({ scope: 'millrace:read', ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .setIssuer(issuer)
    .setSubject('ada')
    .setAudience(audience)
    .setExpirationTime('1h')
    .sign(pair.privateKey);
}

test('a token belongs to the tenant that the claim names', async () => {
  const found = await verifier('org')(await token({ org: 'acme' }));
  expect(found?.principal).toMatchObject({ name: 'jwt:ada', tenant: 'acme' });
});

test('a token that should name a tenant and does not is let in nowhere, rather than everywhere', async () => {
  const verify = verifier('org');
  for (const claims of [{}, { org: '' }, { org: null }, { org: ['acme'] }, { org: 7 }, { org: 'a b' }])
    expect(await verify(await token(claims))).toBeUndefined();
  expect(await verifier('toString')(await token({}))).toBeUndefined();
});

test('without the setting no claim makes a tenant', async () => {
  const found = await verifier()(await token({ org: 'acme', tenant: 'acme' }));
  expect(found?.principal.tenant).toBeUndefined();
});
