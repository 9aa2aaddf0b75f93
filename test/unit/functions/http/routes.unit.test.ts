import { describe, expect, test } from 'vitest';
import { apiRoutes } from '../../../../functions/http/api-routes.ts';
import { docsHtml } from '../../../../functions/http/docs-html.ts';
import { matchRoute, methodsAt } from '../../../../functions/http/match-route.ts';
import { createApiDocument } from '../../../../functions/http/openapi.ts';
import { routes } from '../../../../functions/http/routes.ts';

const ID = '01a1fd51-a8f9-74ad-a06f-3986a43e21b1';

describe('matchRoute', () => {
  test('finds each route by its own path', () => {
    for (const route of routes) {
      const path = route.path.replace('{step}', 'a%20b').replace(/\{\w+\}/, ID);
      const match = matchRoute(route.method, path);
      expect(match?.route).toBe(route);
      const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => String(name));
      const values = names.map((name) => [name, name === 'step' ? 'a b' : ID]);
      expect(match?.pathParameters).toEqual(names.length === 0 ? undefined : Object.fromEntries(values));
    }
  });

  test('prefers a path written out to one with an id, and decodes the id', () => {
    expect(matchRoute('POST', '/api/v1/jobs/claim')?.route.path).toBe('/api/v1/jobs/claim');
    expect(matchRoute('GET', '/api/v1/jobs/claim')?.pathParameters).toEqual({ id: 'claim' });
    expect(matchRoute('GET', '/api/v1/jobs/a%20b')?.pathParameters).toEqual({ id: 'a b' });
    expect(matchRoute('GET', '/api/v1/jobs/%E0%A4%A')?.pathParameters).toEqual({ id: '%E0%A4%A' });
  });

  test.each(['/', '/nope', '/api/v1/jobs/', '/api/v1/jobs//claim', `/api/v1/jobs/${ID}/claim/x`, '//health'])(
    'finds nothing at %s',
    (path) => {
      expect(methodsAt(path)).toEqual([]);
    },
  );

  test('knows the methods of a path', () => {
    expect(methodsAt('/api/v1/jobs')).toEqual(['GET', 'POST']);
    expect(methodsAt(`/api/v1/jobs/${ID}`)).toEqual(['GET']);
    expect(methodsAt(`/api/v1/jobs/${ID}/complete`)).toEqual(['POST']);
  });
});

describe('the OpenAPI document', () => {
  const document = createApiDocument(apiRoutes);

  test('describes every route, each under its own operation id', () => {
    const operations = apiRoutes.map(({ method, path }) => {
      const verb = method.toLowerCase() as Lowercase<typeof method>;
      return document.paths?.[path]?.[verb];
    });
    expect(operations.every((operation) => operation?.summary)).toBe(true);
    expect(new Set(operations.map((operation) => operation?.operationId)).size).toBe(apiRoutes.length);
  });

  test('refers only to schemas that it has', () => {
    const text = JSON.stringify(document);
    const names = [...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(10);
    expect(Object.keys(document.components?.schemas ?? {})).toEqual(
      expect.arrayContaining([...new Set(names)]),
    );
  });
});

describe('the page', () => {
  test('shows every operation and every code, and asks nothing of elsewhere', () => {
    const html = docsHtml(createApiDocument(apiRoutes));
    for (const { method, path } of apiRoutes) expect(html).toContain(`<code>${method} ${path}</code>`);
    expect(html).toContain('id="problem-stale_token"');
    expect(html).not.toMatch(/<script|<link|https?:|src=/);
  });
});
