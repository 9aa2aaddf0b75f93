import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';
import { isMillraceError, MillraceError } from '../../engine/errors.ts';
import { isTlsRefusal } from '../tls-refusal.ts';

/** Of the server; the client has no name for it. */
const OVERLAPPING_SUBJECTS = 10_065;

/** What the client throws, as one of ours. `doing` is what was tried: `publishing to orders.created`. */
export function translate(error: unknown, doing: string): MillraceError {
  if (isMillraceError(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const as = (code: MillraceError['code'], advice: string, retryable = false) =>
    new MillraceError(code, `NATS failed at ${doing}: ${reason}. ${advice}`, { cause: error, retryable });
  if (error instanceof JetStreamApiError) {
    if (error.code === OVERLAPPING_SUBJECTS)
      return as('configuration', 'A message goes into one stream: give them subjects that do not overlap');
    if (error.code === JetStreamApiCodes.StreamNotFound || error.code === JetStreamApiCodes.ConsumerNotFound)
      return as('stream_missing', 'Declare it first');
    if (error.code === JetStreamApiCodes.JetStreamNotEnabledForAccount)
      return as('configuration', 'Start the server with JetStream (-js), and enable it for this account');
    return as('publish_failed', 'Try again; the server says why it refused', true);
  }
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError)
    return as('broker_auth_failed', 'Check the user, the password or the credentials file');
  if (refusesTls(error))
    return as(
      'broker_tls_failed',
      "Check tls:// in WE_NATS_URL, the names in the server's certificate, and WE_NATS_TLS_CA_PATH",
    );
  if (error instanceof errors.PermissionViolationError)
    return as('broker_not_authorized', 'Allow it in the permissions of this user');
  return as(
    'broker_unreachable',
    'Check WE_NATS_URL, that the server runs, and that JetStream is on (-js)',
    true,
  );
}

/** Also in the client's own words for a server without TLS, and in whatever it was caused by. */
function refusesTls(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (isTlsRefusal(error) || /\btls\b/i.test(error.message)) return true;
  return error.cause !== error && refusesTls(error.cause);
}

/** Of a call that expected the last message of a subject to be another one. */
export function isWrongLastSequence(error: unknown): boolean {
  const codes: readonly number[] = [
    JetStreamApiCodes.StreamWrongLastSequence,
    JetStreamApiCodes.StreamWrongLastSequenceUnknown,
  ];
  return error instanceof JetStreamApiError && codes.includes(error.code);
}

export function isMissing(error: unknown): boolean {
  const codes: readonly number[] = [
    JetStreamApiCodes.StreamNotFound,
    JetStreamApiCodes.ConsumerNotFound,
    JetStreamApiCodes.NoMessageFound,
  ];
  return error instanceof JetStreamApiError && codes.includes(error.code);
}
