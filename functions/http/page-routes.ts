import type { Route } from './api-routes.ts';
import { docs } from './handlers/docs.ts';
import { openapi } from './handlers/openapi.ts';
import { uiAsset, uiPage } from './handlers/ui.ts';

/** What is for people, and the description of the API. */
export const pageRoutes: readonly Route[] = [
  { method: 'GET', path: '/openapi.json', summary: 'This API as OpenAPI 3.1', endpoint: openapi },
  { method: 'GET', path: '/docs', summary: 'This API as a page', endpoint: docs },
  { method: 'GET', path: '/ui', summary: 'The web UI', endpoint: uiPage },
  { method: 'GET', path: '/ui/{name}', summary: 'A file of the web UI', endpoint: uiAsset },
];
