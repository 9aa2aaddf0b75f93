import { expect, test } from 'vitest';
import { readAudit } from '../../../infra/audit/audit.ts';

const weakness = (name: string, severity: string, fixAvailable: unknown = true) => ({
  [name]: { name, severity, range: '<2.0.0', fixAvailable },
});
const report = (...found: object[]) => JSON.stringify({ vulnerabilities: Object.assign({}, ...found) });

test('weaknesses of severity high and critical are named with the way out of each; lesser ones pass', () => {
  const output = report(
    weakness('a', 'critical'),
    weakness('b', 'high', { name: 'parent-of-b', version: '3.1.0' }),
    weakness('c', 'high', false),
    weakness('d', 'moderate'),
  );
  expect(readAudit(output)).toEqual({
    kind: 'weak',
    found: [
      'critical: a <2.0.0; npm audit fix',
      'high: b <2.0.0; npm install -E parent-of-b@3.1.0',
      expect.stringMatching(/^high: c <2\.0\.0; no fixed version yet/),
    ],
  });
  expect(readAudit(report(weakness('d', 'moderate')))).toEqual({ kind: 'clean' });
  expect(readAudit(report())).toEqual({ kind: 'clean' });
});

test('a registry without an audit is told, and is no weakness', () => {
  const refused = JSON.stringify({
    message: '405 Method Not Allowed - POST /-/npm/v1/security/advisories/bulk',
    statusCode: 405,
  });
  expect(readAudit(refused)).toEqual({ kind: 'unknown', reason: expect.stringContaining('405') });
  const unreachable = JSON.stringify({ error: { code: 'ENOTFOUND', summary: 'request failed', detail: '' } });
  expect(readAudit(unreachable)).toEqual({ kind: 'unknown', reason: 'request failed' });
});

test('what is no report at all is told too', () => {
  expect(readAudit('npm error something')).toEqual({ kind: 'unknown', reason: 'npm error something' });
  expect(readAudit('')).toMatchObject({ kind: 'unknown' });
});
