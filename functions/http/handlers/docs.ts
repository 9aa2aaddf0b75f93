import { apiRoutes } from '../api-routes.ts';
import { defineEndpoint } from '../endpoint.ts';

let html: string | undefined;

export const docs = defineEndpoint(
  { scope: 'public', replies: { 200: { description: 'A page for people.' } } },
  async () => {
    html ??= await makePage();
    return {
      status: 200,
      contentType: 'text/html; charset=utf-8',
      headers: { 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" },
      body: html,
    };
  },
);

export const { handler } = docs;

/** Loaded when asked for: most containers never are. */
async function makePage(): Promise<string> {
  const [{ createApiDocument }, { docsHtml }] = await Promise.all([
    import('../openapi.ts'),
    import('../docs-html.ts'),
  ]);
  return docsHtml(createApiDocument(apiRoutes));
}
