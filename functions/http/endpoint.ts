import middy from '@middy/core';
import type * as z from 'zod';
import { type App, compose } from '../compose.ts';
import { authorized, readInput, refuse, timed } from './middleware.ts';
import type { EndpointShape, HttpEvent, HttpHandler, HttpResult, Input, Reply } from './shape.ts';

export interface Endpoint {
  readonly shape: EndpointShape;
  /** The Lambda. */
  readonly handler: HttpHandler;
}

type Serve<Body, Query> = (input: Input<Body, Query>, app: () => App) => Promise<Reply> | Reply;

/** A Lambda of the HTTP API: input read and checked, served, and every failure answered with a problem document. */
export function defineEndpoint<Body extends z.ZodType, Query extends z.ZodType>(
  shape: EndpointShape<Body, Query>,
  serve: Serve<z.infer<Body>, z.infer<Query>>,
): Endpoint {
  const handler = middy<HttpEvent, HttpResult>()
    .use(timed())
    .use(refuse())
    .use(authorized(shape, compose))
    .use(readInput(shape))
    // The middleware has parsed the input with this very shape, or has thrown.
    .handler(async ({ input, principal }: HttpEvent) =>
      toResult(await serve(input as Input<z.infer<Body>, z.infer<Query>>, () => appOf(principal))),
    );
  return { shape, handler };
}

/** For a caller who belongs to a tenant, nothing reaches beyond his rows. */
function appOf(principal: HttpEvent['principal']): App {
  return compose().forTenant(principal?.tenant);
}

function toResult({ status, body, contentType = 'application/json', headers }: Reply): HttpResult {
  return { statusCode: status, headers: { 'content-type': contentType, ...headers }, body };
}
