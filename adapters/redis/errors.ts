import { ErrorReply, ReconnectStrategyError } from '@redis/client';
import { isMillraceError, MillraceError } from '../../engine/errors.ts';
import { isTlsRefusal } from '../tls-refusal.ts';

/** What the client throws, as one of ours. */
export function translate(error: unknown, where: string): MillraceError {
  if (isMillraceError(error)) return error;
  if (error instanceof ReconnectStrategyError) return neverConnected(error.originalError, where);
  if (error instanceof ErrorReply) return refused(error, where);
  return unavailable(
    error,
    `Redis at ${where} is not available: ${reasonOf(error)}. Whether it was written is not known: an id is one timeout, and ends once, so the same call can be repeated.`,
  );
}

function neverConnected(error: Error, where: string): MillraceError {
  if (error instanceof ErrorReply) return refused(error, where);
  if (isTlsRefusal(error)) {
    const advice =
      "Check rediss:// in WE_REDIS_URL, the names in the server's certificate, and WE_REDIS_TLS_CA_PATH";
    return configuration(
      error,
      `Redis at ${where} and this process do not agree on TLS: ${reasonOf(error)}. ${advice}.`,
    );
  }
  const advice =
    'Check the address, that the server runs, and whether it speaks TLS (rediss://) or not (redis://)';
  return unavailable(error, `Redis at ${where} does not answer: ${reasonOf(error)}. ${advice}.`);
}

function refused(error: ErrorReply, where: string): MillraceError {
  const reason = reasonOf(error);
  if (/^(NOAUTH|WRONGPASS|NOPERM)|without any password configured/.test(reason)) {
    const advice = 'Check user, password and rights';
    return configuration(error, `Redis at ${where} does not allow this: ${reason}. ${advice}.`);
  }
  if (/unknown command|syntax error/i.test(reason)) {
    const advice = 'Version 6.2 or newer is needed';
    return configuration(error, `Redis at ${where} is too old: ${reason}. ${advice}.`);
  }
  return unavailable(error, `Redis at ${where} refuses for now: ${reason}. Nothing was written. Try again.`);
}

function configuration(cause: unknown, message: string): MillraceError {
  return new MillraceError('configuration', message, { cause });
}

function unavailable(cause: unknown, message: string): MillraceError {
  return new MillraceError('unavailable', message, { cause, retryable: true });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message || error.name).replace(/\.$/, '') : String(error);
}

/** The address without user and password, for messages. */
export function redact(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'an address that is no URL';
}
