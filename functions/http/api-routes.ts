import type { Endpoint } from './endpoint.ts';
import { insightRoutes } from './insight-routes.ts';
import { jobRoutes } from './job-routes.ts';
import { recordRoutes } from './record-routes.ts';
import { scheduleRoutes } from './schedule-routes.ts';
import { workflowRoutes } from './workflow-routes.ts';

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With `{id}` where an id stands, or `{name}`, as API Gateway writes it. */
  readonly path: string;
  readonly summary: string;
  readonly endpoint: Endpoint;
}

/** Everything the OpenAPI document describes. */
export const apiRoutes: readonly Route[] = [
  ...jobRoutes,
  ...workflowRoutes,
  ...scheduleRoutes,
  ...recordRoutes,
  ...insightRoutes,
];
