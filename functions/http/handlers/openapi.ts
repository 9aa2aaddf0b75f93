import { apiRoutes } from '../api-routes.ts';
import { defineEndpoint } from '../endpoint.ts';

let text: string | undefined;

export const openapi = defineEndpoint(
  { scope: 'public', replies: { 200: { description: 'OpenAPI 3.1.' } } },
  async () => {
    // Loaded and made at the first request: a container that only takes jobs need not pay for it.
    text ??= JSON.stringify((await import('../openapi.ts')).createApiDocument(apiRoutes));
    return { status: 200, body: text };
  },
);

export const { handler } = openapi;
