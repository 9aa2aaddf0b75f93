/** Whether it is what Node and OpenSSL say of a certificate they do not take, or of a server that does not speak TLS. */
export function isTlsRefusal(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|CERT_)/.test(code);
}
