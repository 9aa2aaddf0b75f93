import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { createServerIdentity } from '../../../../../cli/dev/backends/certificate.ts';

const now = new Date('2026-01-02T03:04:05Z');
const { caPem, keyStorePem } = createServerIdentity(now);
const ca = new X509Certificate(caPem);
const leaf = new X509Certificate(keyStorePem.slice(keyStorePem.indexOf('-----BEGIN CERTIFICATE-----')));

test('the server certificate is signed by the authority', () => {
  expect(leaf.checkIssued(ca)).toBe(true);
  expect(leaf.verify(ca.publicKey)).toBe(true);
  expect(ca.ca).toBe(true);
  expect(leaf.ca).toBe(false);
});

test('the server certificate stands for the loopback names and no other', () => {
  expect(leaf.checkHost('localhost')).toBe('localhost');
  expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(leaf.checkHost('example.org')).toBeUndefined();
});

test('it is valid from the day before, for clocks that are behind', () => {
  expect(leaf.validFromDate).toEqual(new Date('2026-01-01T03:04:05Z'));
  expect(leaf.validToDate > new Date('2035-01-01')).toBe(true);
});
