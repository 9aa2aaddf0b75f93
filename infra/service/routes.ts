import { routes } from '../../functions/http/routes.ts';
import type { Settings } from './settings.ts';
import type { JsonObject } from './template.ts';

/** What workers call: their traffic has a function of its own, so that it cannot keep clients waiting, nor they it. */
const OF_WORKERS = /\/(claim|heartbeat|complete|fail|poll|undecodable-records)$/;
/** Tells nothing and does nothing, and balancers ask it without credentials. */
const OPEN = '/health';

export const workerRoutes = routes.filter(({ path }) => OF_WORKERS.test(path));
export const clientRoutes = routes.filter(({ path }) => !OF_WORKERS.test(path));

/** Workers sign their requests by their role, whatever clients do: no key is shared with them. */
export function workerEvents(): JsonObject[] {
  return workerRoutes.map(({ method, path }) => httpEvent(method, path, { type: 'aws_iam' }));
}

export function clientEvents({ auth }: Pick<Settings, 'auth'>): JsonObject[] {
  const authorizer = ofClients(auth);
  return clientRoutes.map(({ method, path }) =>
    path === OPEN ? httpEvent(method, path) : httpEvent(method, path, authorizer),
  );
}

/** One route for all: the function chooses by itself, and its callers know no signatures. */
export function dialectEvents({ auth }: Pick<Settings, 'auth'>): JsonObject[] {
  const authorizer = ofClients(auth);
  return [httpEvent('*', '/v1/{proxy+}', authorizer), httpEvent('GET', '/healthz')];
}

/** With `keys` the function itself asks: a browser has a session, of which a gateway knows nothing. */
function ofClients(auth: Settings['auth']): JsonObject | undefined {
  if (auth === 'keys') return undefined;
  return auth === 'iam' ? { type: 'aws_iam' } : { name: 'client' };
}

function httpEvent(method: string, path: string, authorizer?: JsonObject): JsonObject {
  return { httpApi: { method, path, ...(authorizer ? { authorizer } : {}) } };
}

/** `provider.httpApi.authorizers`. */
export function authorizers({ auth, values }: Pick<Settings, 'auth' | 'values'>): JsonObject {
  const identitySource = '$request.header.Authorization';
  if (auth === 'iam' || auth === 'keys') return {};
  if (auth === 'jwt') {
    const audience = String(values['JwtAudience']).split(',');
    return { client: { type: 'jwt', identitySource, issuerUrl: values['JwtIssuer'], audience } };
  }
  return {
    client: {
      type: 'request',
      functionName: 'authorizer',
      identitySource: [identitySource],
      payloadVersion: '2.0',
      enableSimpleResponses: true,
      // A key that is taken back is let in for so long.
      resultTtlInSeconds: 60,
    },
  };
}
