import type { APIGatewayRequestAuthorizerEventV2, APIGatewaySimpleAuthorizerResult } from 'aws-lambda';
import { readAuthorizerConfig } from './config.ts';
import { matchKey } from './keys.ts';

const { keyHashes, scopes } = readAuthorizerConfig();

export interface Authorization extends APIGatewaySimpleAuthorizerResult {
  /** For the access log and the API: which of the keys, never the key; and what it may do, if not everything. */
  readonly context?: { readonly key: string; readonly scopes?: string };
}

/** API Gateway's Lambda authorizer (payload format 2.0, simple answers): lets a request with a known API key in. */
export async function handler(
  event: Pick<APIGatewayRequestAuthorizerEventV2, 'headers'>,
): Promise<Authorization> {
  const index = matchKey(event.headers ?? {}, keyHashes);
  if (index === undefined) return { isAuthorized: false };
  const known = keyHashes[index];
  const held = scopes[index];
  const key = known ? known.toString('hex').slice(0, 8) : '';
  return { isAuthorized: true, context: { key, ...(held === undefined ? {} : { scopes: held }) } };
}
