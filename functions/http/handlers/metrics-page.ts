import { defineEndpoint } from '../endpoint.ts';

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

export const metricsPage = defineEndpoint(
  {
    scope: 'read',
    replies: { 200: { description: "Prometheus' text format.", contentTypes: ['text/plain'] } },
  },
  async (_input, app) => ({ status: 200, contentType: PROMETHEUS, body: await app().metrics.page() }),
);

export const { handler } = metricsPage;
