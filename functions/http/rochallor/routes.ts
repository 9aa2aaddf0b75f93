import type { Access } from '../../auth/scopes.ts';
import type { App } from '../../compose.ts';
import type { HttpEvent, HttpResult } from '../shape.ts';
import { getDefinitions, getLatest, getVersion, postDefinition } from './serve-definitions.ts';
import {
  getExecutions,
  getInstances,
  getOne,
  postCancel,
  postInstance,
  postSignal,
  postTaskById,
  postUserTask,
} from './serve-instances.ts';
import { postComplete, postFail, postHeartbeat, postPoll } from './serve-jobs.ts';

type Serve = (event: HttpEvent, app: App) => Promise<HttpResult>;

interface DialectRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly scope: Access;
  readonly serve: Serve;
}

export const dialectRoutes: readonly DialectRoute[] = [
  { method: 'GET', path: '/healthz', scope: 'public', serve: async () => ({ statusCode: 200 }) },
  { method: 'POST', path: '/v1/definitions', scope: 'admin', serve: postDefinition },
  { method: 'GET', path: '/v1/definitions', scope: 'read', serve: getDefinitions },
  { method: 'GET', path: '/v1/definitions/{id}', scope: 'read', serve: getLatest },
  { method: 'GET', path: '/v1/definitions/{id}/versions/{version}', scope: 'read', serve: getVersion },
  { method: 'GET', path: '/v1/instances', scope: 'read', serve: getInstances },
  { method: 'POST', path: '/v1/instances', scope: 'enqueue', serve: postInstance },
  { method: 'GET', path: '/v1/instances/{id}', scope: 'read', serve: getOne },
  { method: 'GET', path: '/v1/instances/{id}/history', scope: 'read', serve: getExecutions },
  { method: 'POST', path: '/v1/instances/{id}/cancel', scope: 'admin', serve: postCancel },
  {
    method: 'POST',
    path: '/v1/instances/{id}/user-tasks/{step}/complete',
    scope: 'enqueue',
    serve: postUserTask,
  },
  { method: 'POST', path: '/v1/user-tasks/{id}/complete', scope: 'enqueue', serve: postTaskById },
  { method: 'POST', path: '/v1/instances/{id}/signals/{step}', scope: 'enqueue', serve: postSignal },
  { method: 'POST', path: '/v1/jobs/poll', scope: 'work', serve: postPoll },
  { method: 'POST', path: '/v1/jobs/{id}/heartbeat', scope: 'work', serve: postHeartbeat },
  { method: 'POST', path: '/v1/jobs/{id}/complete', scope: 'work', serve: postComplete },
  { method: 'POST', path: '/v1/jobs/{id}/fail', scope: 'work', serve: postFail },
];

const patterns = dialectRoutes.map((route) => ({
  ...route,
  pattern: new RegExp(`^${route.path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
}));

export interface DialectMatch extends DialectRoute {
  readonly parameters: Record<string, string>;
}

export function matchPath(method: string, path: string): DialectMatch | undefined {
  for (const { pattern, ...route } of patterns) {
    const found = route.method === method ? pattern.exec(path) : null;
    if (!found) continue;
    const named = Object.entries(found.groups ?? {}).map(([name, text]) => [name, decoded(text)]);
    return { ...route, parameters: Object.fromEntries(named) };
  }
  return undefined;
}

export function methodsAt(path: string): string[] {
  return patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Half an escape: it stays as it is, and nothing has such a name.
    return text;
  }
}
