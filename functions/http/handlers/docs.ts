import { apiRoutes } from '../api-routes.ts';
import { docsHtml } from '../docs-html.ts';
import { defineEndpoint } from '../endpoint.ts';
import { createApiDocument } from '../openapi.ts';

let html: string | undefined;

export const docs = defineEndpoint({ replies: { 200: { description: 'A page for people.' } } }, () => {
  html ??= docsHtml(createApiDocument(apiRoutes));
  return {
    status: 200,
    contentType: 'text/html; charset=utf-8',
    headers: { 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" },
    body: html,
  };
});

export const { handler } = docs;
