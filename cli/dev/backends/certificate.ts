import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/**
 * A certificate authority of one use, and a server certificate for this machine's loopback names signed by it. Written out
 * in DER here because Node signs but makes no certificates, and neither openssl nor a JDK is on every machine.
 */
export interface ServerIdentity {
  /** What clients trust. */
  readonly caPem: string;
  /** PKCS #8 key followed by its certificate: Kafka's PEM key store. */
  readonly keyStorePem: string;
}

/** @param host the only name the certificate is for, instead of the loopback ones */
export function createServerIdentity(now: Date, host?: string): ServerIdentity {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name: 'Millrace development CA', key: authority.privateKey };
  const keyId = randomBytes(20);
  const ca = certificate(issuer, {
    name: issuer.name,
    key: authority.publicKey,
    now,
    extensions: [
      extension('551d13', sequence(boolean(true)), { critical: true }),
      extension('551d0f', bits(0b00000110, 1), { critical: true }),
      extension('551d0e', tag(0x04, keyId)),
    ],
  });
  const leaf = certificate(issuer, {
    name: 'localhost',
    key: server.publicKey,
    now,
    extensions: [
      extension(
        '551d11',
        host === undefined
          ? sequence(tag(0x82, Buffer.from('localhost')), tag(0x87, Buffer.from([127, 0, 0, 1])))
          : sequence(tag(0x82, Buffer.from(host))),
      ),
      extension('551d25', sequence(oid('2b06010505070301'))),
      // OpenSSL in its strict mode, Python's default, refuses a certificate that does not name its issuer's key.
      extension('551d23', sequence(tag(0x80, keyId))),
    ],
  });
  const keyPem = server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { caPem: pem(ca), keyStorePem: keyPem + pem(leaf) };
}

const TEN_YEARS_MS = 10 * 365 * 86_400_000;
const ONE_DAY_MS = 86_400_000;
const ECDSA_WITH_SHA256 = '2a8648ce3d040302';
const COMMON_NAME = '550403';

interface Subject {
  readonly name: string;
  readonly key: KeyObject;
  readonly now: Date;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280, section 4.1. */
function certificate(issuer: { name: string; key: KeyObject }, subject: Subject): Buffer {
  const algorithm = sequence(oid(ECDSA_WITH_SHA256));
  const body = sequence(
    tag(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    algorithm,
    distinguishedName(issuer.name),
    sequence(
      utcTime(new Date(subject.now.getTime() - ONE_DAY_MS)),
      utcTime(new Date(subject.now.getTime() + TEN_YEARS_MS)),
    ),
    distinguishedName(subject.name),
    subject.key.export({ type: 'spki', format: 'der' }),
    tag(0xa3, sequence(...subject.extensions)),
  );
  const signature = sign('sha256', body, issuer.key);
  return sequence(body, algorithm, tag(0x03, Buffer.concat([Buffer.from([0]), signature])));
}

function distinguishedName(commonName: string): Buffer {
  return sequence(tag(0x31, sequence(oid(COMMON_NAME), tag(0x0c, Buffer.from(commonName)))));
}

function extension(id: string, value: Buffer, options: { critical: boolean } = { critical: false }): Buffer {
  const flag = options.critical ? [boolean(true)] : [];
  return sequence(oid(id), ...flag, tag(0x04, value));
}

function utcTime(date: Date): Buffer {
  return tag(0x17, Buffer.from(`${date.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`));
}

function boolean(value: boolean): Buffer {
  return tag(0x01, Buffer.from([value ? 0xff : 0]));
}

function integer(bytes: Buffer): Buffer {
  return tag(0x02, bytes);
}

function bits(value: number, unused: number): Buffer {
  return tag(0x03, Buffer.from([unused, value]));
}

function oid(hex: string): Buffer {
  return tag(0x06, Buffer.from(hex, 'hex'));
}

function sequence(...items: readonly Buffer[]): Buffer {
  return tag(0x30, Buffer.concat(items));
}

function tag(type: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([type, ...size]), content]);
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
