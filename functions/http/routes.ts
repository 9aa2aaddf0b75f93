import { apiRoutes, type Route } from './api-routes.ts';
import { pageRoutes } from './page-routes.ts';

/** Every route of the HTTP API: the local gateway serves it, and the deployment is made from it. */
export const routes: readonly Route[] = [...apiRoutes, ...pageRoutes];
