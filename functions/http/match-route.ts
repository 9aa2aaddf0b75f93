import type { Route } from './api-routes.ts';
import { routes } from './routes.ts';

export interface Match {
  readonly route: Route;
  readonly pathParameters: Record<string, string> | undefined;
}

/** Routes without a parameter, by method and path: one look-up finds most requests. */
const fixed = new Map(
  routes.map((route) => [`${route.method} ${route.path}`, { route, pathParameters: undefined }]),
);
const patterns = routes
  .filter(({ path }) => path.includes('{'))
  .map((route) => ({
    route,
    pattern: new RegExp(`^${route.path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
  }));
const methods = [...new Set(routes.map(({ method }) => method))].sort();

/** The route API Gateway would choose: a path written out goes before one with a parameter. */
export function matchRoute(method: string, path: string): Match | undefined {
  const found = fixed.get(`${method} ${path}`);
  if (found) return found;
  for (const { route, pattern } of patterns) {
    const groups = route.method === method ? pattern.exec(path)?.groups : undefined;
    if (!groups) continue;
    const decoded = Object.entries(groups).map(([name, text]) => [name, decode(text)]);
    return { route, pathParameters: Object.fromEntries(decoded) };
  }
  return undefined;
}

/** The methods that a path takes, for the answer to another one. */
export function methodsAt(path: string): string[] {
  return methods.filter((method) => matchRoute(method, path) !== undefined);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Half an escape: it stays as it is, and is refused as an id.
    return text;
  }
}
