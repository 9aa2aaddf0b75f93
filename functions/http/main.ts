import { thawed } from '../compose.ts';
import type { Route } from './api-routes.ts';
import { jobRoutes } from './job-routes.ts';
import type { HttpHandler } from './shape.ts';

type Handlers = ReadonlyMap<string, HttpHandler>;

/** Read with the function, while Lambda lends it a whole core: most containers never serve anything else. */
const ofJobs = handlersOf(jobRoutes);

/** By what their paths begin with; each is read at the first request that is for one of them. */
const later: readonly [RegExp, () => Promise<Handlers>][] = [
  [
    /^\w+ \/api\/v1\/(workflows|definitions|user-tasks)\b/,
    once(async () => (await import('./workflow-routes.ts')).workflowRoutes),
  ],
  [/^\w+ \/api\/v1\/schedules\b/, once(async () => (await import('./schedule-routes.ts')).scheduleRoutes)],
  [/^\w+ \/api\//, once(async () => (await import('./insight-routes.ts')).insightRoutes)],
  [/^\w+ \//, once(async () => (await import('./page-routes.ts')).pageRoutes)],
];

/**
 * The HTTP API as one function: API Gateway has chosen the route, and says so. One bundle and one warm container serve all
 * routes, where a function each would start cold for every one of them.
 */
export const handler: HttpHandler = async (event, context) => {
  const { routeKey } = event;
  await thawed();
  const handle = ofJobs.get(routeKey) ?? (await groupOf(routeKey)?.())?.get(routeKey) ?? (await unmatched());
  return handle(event, context);
};

function groupOf(routeKey: string) {
  return later.find(([beginning]) => beginning.test(routeKey))?.[1];
}

async function unmatched(): Promise<HttpHandler> {
  return (await import('./handlers/unmatched.ts')).handler;
}

function once(load: () => Promise<readonly Route[]>): () => Promise<Handlers> {
  let loaded: Promise<Handlers> | undefined;
  return () => {
    loaded ??= load().then(handlersOf);
    return loaded;
  };
}

function handlersOf(routes: readonly Route[]): Handlers {
  return new Map(routes.map(({ method, path, endpoint }) => [`${method} ${path}`, endpoint.handler]));
}
