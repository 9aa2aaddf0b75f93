import type { APIGatewayRequestAuthorizerEventV2, APIGatewaySimpleAuthorizerResult } from 'aws-lambda';
import { readAuthorizerConfig } from './config.ts';
import { matchKey } from './keys.ts';

const { keyHashes } = readAuthorizerConfig();

export interface Authorization extends APIGatewaySimpleAuthorizerResult {
  /** For the access log: which of the keys, never the key. */
  readonly context?: { readonly key: string };
}

/** API Gateway's Lambda authorizer (payload format 2.0, simple answers): lets a request with a known API key in. */
export async function handler(
  event: Pick<APIGatewayRequestAuthorizerEventV2, 'headers'>,
): Promise<Authorization> {
  const index = matchKey(event.headers ?? {}, keyHashes);
  if (index === undefined) return { isAuthorized: false };
  const known = keyHashes[index];
  return { isAuthorized: true, context: { key: known ? known.toString('hex').slice(0, 8) : '' } };
}
