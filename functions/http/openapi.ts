import * as z from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import type { Route } from './api-routes.ts';
import { stepId, uuid } from './fields.ts';
import { problem } from './replies.ts';
import type { EndpointShape, ReplyShape } from './shape.ts';

export type ApiDocument = ReturnType<typeof createDocument>;

/** The OpenAPI 3.1 document, made from the schemas that check the requests and the table that routes them. */
export function createApiDocument(routes: readonly Route[]): ApiDocument {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Millrace',
      version: '1',
      description: 'Durable jobs and workflows. A 2xx means that the job is committed in PostgreSQL.',
    },
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
    paths,
  });
}

function operation({ method, path, summary, endpoint: { shape } }: Route): ZodOpenApiOperationObject {
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/[/{}._-]+(\w?)/g, (_, first) => first.toUpperCase())}`,
    summary,
    ...(shape.scope === 'public' ? {} : { security: [{}, { key: [] }] }),
    ...parameters(shape),
    ...(shape.body
      ? {
          requestBody: {
            required: !shape.optionalBody,
            content: { 'application/json': { schema: shape.body } },
          },
        }
      : {}),
    responses: Object.fromEntries(
      Object.entries(replies(shape)).map(([status, reply]) => [status, response(status, reply)]),
    ),
  };
}

function parameters(shape: EndpointShape) {
  const ids = {
    ...(shape.id && { id: shape.id === 'definition' ? z.string() : uuid }),
    ...(shape.step && { step: z.string() }),
    ...(shape.name && { name: stepId }),
  };
  const path = shape.id || shape.name ? { path: z.object(ids) } : {};
  const query = shape.query instanceof z.ZodObject ? { query: shape.query } : {};
  return { requestParams: { ...path, ...query } };
}

/** What an endpoint says of its replies, and those that any endpoint of its kind gives. */
function replies(shape: EndpointShape): Record<string, ReplyShape> {
  const takesInput = shape.body ?? shape.query ?? shape.id ?? shape.name;
  return {
    ...shape.replies,
    ...(shape.scope === 'public' ? {} : refusals(shape.scope)),
    ...(takesInput
      ? { 400: { description: 'The request is not as documented; `errors` names each field.' } }
      : {}),
    ...(shape.body ? { 413: { description: 'The body, a payload or a result is too large.' } } : {}),
    ...(takesInput
      ? { 503: { description: 'The database is away: send the request again after `Retry-After`.' } }
      : {}),
  };
}

/** Where the API asks for a key. */
function refusals(scope: string): Record<string, ReplyShape> {
  return {
    401: { description: 'No key or token came with the request, or none that is let in.' },
    403: { description: `The key does not have the scope \`${scope}\`.` },
    429: { description: 'The key has a rate and is beyond it: wait for `Retry-After`.' },
  };
}

function response(status: string, { description, schema, contentTypes = ['application/json'] }: ReplyShape) {
  if (status === '204') return { description };
  const isProblem = Number(status) >= 400;
  const media = isProblem ? ['application/problem+json'] : contentTypes;
  const content = isProblem ? { schema: problem } : { schema: schema ?? z.string() };
  return { description, content: Object.fromEntries(media.map((type) => [type, content])) };
}
