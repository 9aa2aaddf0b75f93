import type { Route } from './api-routes.ts';
import { getOverview } from './handlers/get-overview.ts';
import { getRelay } from './handlers/get-relay.ts';
import { listTypes } from './handlers/list-types.ts';

export const insightRoutes: readonly Route[] = [
  { method: 'GET', path: '/api/v1/overview', summary: 'What goes on now', endpoint: getOverview },
  { method: 'GET', path: '/api/v1/relay', summary: 'The relay and its slots', endpoint: getRelay },
  { method: 'GET', path: '/api/v1/types', summary: 'Job types and their load', endpoint: listTypes },
];
