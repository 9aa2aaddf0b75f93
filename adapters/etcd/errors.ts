import { EtcdAuthenticationFailedError, EtcdPermissionDeniedError } from 'etcd3';
import { isMillraceError, MillraceError } from '../../engine/errors.ts';

/** What Node and OpenSSL call a certificate they do not take, or a server that does not speak TLS. */
const TLS_CODE = /^(ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|CERT_)/;

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
  if (error instanceof Error && 'code' in error && TLS_CODE.test(String(error.code)))
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
