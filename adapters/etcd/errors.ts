import { EtcdAuthenticationFailedError, EtcdPermissionDeniedError } from 'etcd3';
import { isMillraceError, MillraceError } from '../../engine/errors.ts';

const REFUSED_CERTIFICATE = /certificate|self[- ]signed|altname|wrong version number|SSL|TLS/i;

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
  if (REFUSED_CERTIFICATE.test(reason))
    return as(
      'configuration',
      `and this process do not agree on TLS: ${reason}. Check https:// in WE_ETCD_URL, the names in the server's certificate, and WE_ETCD_TLS_CA_PATH.`,
    );
  return as('unavailable', `does not answer: ${reason}. Check the address, and that the server runs.`);
}

function isRefusal(error: unknown): boolean {
  return error instanceof EtcdAuthenticationFailedError || error instanceof EtcdPermissionDeniedError;
}
