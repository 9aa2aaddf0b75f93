import { EtcdAuthenticationFailedError, EtcdPermissionDeniedError } from 'etcd3';
import { isMillraceError, MillraceError } from '../../engine/errors.ts';
import { isTlsRefusal } from '../tls-refusal.ts';

/** What the client throws, as one of ours. */
export function translate(error: unknown, where: string): MillraceError {
  if (isMillraceError(error)) return error;
  const reason = (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
  const as = (code: 'configuration' | 'unavailable', advice: string) =>
    new MillraceError(code, `etcd at ${where} ${advice}`, {
      cause: error,
      retryable: code === 'unavailable',
    });
  if (isRefusal(error) || /user name is empty|permission denied|authentication failed/i.test(reason))
    return as(
      'configuration',
      `does not allow this: ${reason}. Check user, password and rights in WE_ETCD_URL.`,
    );
  if (isTlsRefusal(error))
    return as(
      'configuration',
      `and this process do not agree on TLS: ${reason}. Check https:// in WE_ETCD_URL, the names in the server's certificate, and WE_ETCD_TLS_CA_PATH.`,
    );
  return as(
    'unavailable',
    `does not answer: ${reason}. Check the address, that the server runs, and whether it speaks TLS (https://) or not (http://).`,
  );
}

function isRefusal(error: unknown): boolean {
  return error instanceof EtcdAuthenticationFailedError || error instanceof EtcdPermissionDeniedError;
}
