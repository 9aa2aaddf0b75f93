import type { Route } from './api-routes.ts';
import { docs } from './handlers/docs.ts';
import { openapi } from './handlers/openapi.ts';
import { getSession, logIn, logOut } from './handlers/session.ts';
import { uiAsset, uiPage } from './handlers/ui.ts';

/** What is for people, and the description of the API. */
export const pageRoutes: readonly Route[] = [
  { method: 'GET', path: '/openapi.json', summary: 'This API as OpenAPI 3.1', endpoint: openapi },
  { method: 'GET', path: '/docs', summary: 'This API as a page', endpoint: docs },
  { method: 'GET', path: '/ui', summary: 'The web UI', endpoint: uiPage },
  { method: 'GET', path: '/ui/session', summary: 'Who this browser is', endpoint: getSession },
  { method: 'POST', path: '/ui/session', summary: 'Open a session with a key', endpoint: logIn },
  { method: 'DELETE', path: '/ui/session', summary: 'End the session', endpoint: logOut },
  { method: 'GET', path: '/ui/{name}', summary: 'A file of the web UI', endpoint: uiAsset },
];
