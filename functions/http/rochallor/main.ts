import { isMillraceError } from '../../../engine/errors.ts';
import { faultLog } from '../../compose.ts';
import { appFor } from '../../rochallor/callers.ts';
import { problemStatus } from '../problem.ts';
import { observeRequest } from '../request-metrics.ts';
import type { HttpEvent, HttpHandler, HttpResult } from '../shape.ts';
import { faultReply } from './answers.ts';
import { type DialectMatch, matchPath, methodsAt } from './routes.ts';

/**
 * The REST API of the Rochallor engine under `/v1`, as one Lambda: it chooses the route by itself, so that one `ANY /v1/{proxy+}`
 * is all a gateway needs.
 */
export const handler: HttpHandler = async (event) => {
  const start = performance.now();
  const { method, path } = event.requestContext.http;
  if (method === 'OPTIONS') return { statusCode: 200, headers: CORS };
  const match = matchPath(method, path);
  const result = match ? await serve({ ...event, pathParameters: match.parameters }, match) : unmatched(path);
  const route = match ? `${method} ${match.path}` : '$default';
  observeRequest(route, result.statusCode ?? 500, (performance.now() - start) / 1000);
  return { ...result, headers: { ...result.headers, 'access-control-allow-origin': '*' } };
};

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-allow-headers': 'Accept, Authorization, Content-Type',
  'access-control-max-age': '300',
};

async function serve(event: HttpEvent, { scope, serve: answer }: DialectMatch): Promise<HttpResult> {
  try {
    return await answer(event, await appFor(event, scope));
  } catch (error) {
    if (!isMillraceError(error) || problemStatus[error.code] >= 500) {
      faultLog.error('request failed', { path: event.rawPath, error });
    }
    return faultReply(error);
  }
}

function unmatched(path: string): HttpResult {
  const allowed = methodsAt(path);
  if (allowed.length > 0) return { statusCode: 405, headers: { allow: allowed.join(', ') } };
  return { statusCode: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found\n' };
}
