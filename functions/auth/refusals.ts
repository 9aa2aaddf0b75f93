import { MillraceError } from '../../engine/errors.ts';
import type { Scope } from './scopes.ts';

/** One answer for a key that is unknown, revoked, expired or malformed: it tells nobody which. */
export function unauthorized(): MillraceError {
  return new MillraceError(
    'unauthorized',
    'This API takes a key or a token: Authorization: Bearer …. What came with the request is not one that is let in. Make a ' +
      'key with millrace keys create.',
  );
}

export function forbidden(scope: Scope): MillraceError {
  return new MillraceError(
    'forbidden',
    `This takes the scope "${scope}", which the key does not have. Use another, or make one with millrace keys create --scope ${scope}.`,
    { detail: { scope } },
  );
}

export function notForTenants(tenant: string): MillraceError {
  return new MillraceError(
    'forbidden',
    `This is for the installation as a whole, and the key is of the tenant "${tenant}". Use a key without a tenant.`,
    { detail: { tenant } },
  );
}

export function crossSite(): MillraceError {
  return new MillraceError(
    'forbidden',
    'A session of the web UI changes something only from the web UI itself. Send the request from there, or with a key.',
  );
}

export function tooMany(ratePerSecond: number): MillraceError {
  return new MillraceError(
    'too_many_requests',
    `This key may send ${ratePerSecond} requests a second. Wait and send it again, or send batches.`,
    { retryable: true, detail: { rate_per_second: ratePerSecond } },
  );
}
