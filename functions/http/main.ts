import { handler as unmatched } from './handlers/unmatched.ts';
import { routes } from './routes.ts';
import type { HttpHandler } from './shape.ts';

const handlers = new Map(routes.map(({ method, path, endpoint }) => [`${method} ${path}`, endpoint.handler]));

/**
 * The HTTP API as one function: API Gateway has chosen the route, and says so. One bundle and one warm container serve all
 * routes, where a function each would start cold for every one of them.
 */
export const handler: HttpHandler = (event, context) =>
  (handlers.get(event.routeKey) ?? unmatched)(event, context);
