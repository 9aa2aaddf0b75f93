import type middy from '@middy/core';
import type * as z from 'zod';
import { isMillraceError } from '../../engine/errors.ts';
import { type InstanceId, isStepId, isUuid, type JobId } from '../../events/ids.ts';
import { type App, faultLog } from '../compose.ts';
import { type FieldFault, invalidRequest, problemReply, problemStatus } from './problem.ts';
import { bodyLimits, type JsonBody, readJsonBody } from './request-body.ts';
import { observeRequest } from './request-metrics.ts';
import type { EndpointShape, HttpEvent, HttpResult } from './shape.ts';

type Middleware = middy.MiddlewareObj<HttpEvent, HttpResult>;

/** Measures the whole of a request, by route and status. */
export function timed(): Middleware {
  const starts = new WeakMap<HttpEvent, number>();
  const observe = ({ event, response }: middy.Request<HttpEvent, HttpResult>) => {
    const start = starts.get(event) ?? performance.now();
    const route = event.routeKey ?? 'unknown';
    observeRequest(route, response?.statusCode ?? 500, (performance.now() - start) / 1000);
  };
  return {
    before: ({ event }) => {
      starts.set(event, performance.now());
    },
    after: observe,
    onError: observe,
  };
}

/** Turns whatever was thrown into its problem document; a fault of ours is logged here, where it stops. */
export function refuse(): Middleware {
  return {
    onError: (request) => {
      const { error, event } = request;
      const requestId = event.requestContext?.requestId ?? request.context.awsRequestId;
      const isFault = !isMillraceError(error) || problemStatus[error.code] >= 500;
      if (isFault) faultLog.error('request failed', { ...idsOf(event), request_id: requestId, error });
      // Set, not returned: a returned reply would end the chain before the measuring.
      request.response = problemReply(error, isFault ? requestId : undefined);
    },
  };
}

function idsOf({ routeKey, pathParameters, headers }: HttpEvent) {
  return {
    route: routeKey,
    id: pathParameters?.['id'],
    trace_id: TRACE_ID.exec(headers?.['traceparent'] ?? '')?.[1],
  };
}

const TRACE_ID = /^[0-9a-f]{2}-([0-9a-f]{32})-/;

/** Lets in who may, before anything of the request is read. */
export function authorized({ scope, forTenants }: EndpointShape, app: () => App): Middleware {
  return {
    before: async ({ event }) => {
      if (scope === 'public') return;
      const principal = await app().authorize(event, scope, forTenants);
      if (principal) event.principal = principal;
    },
  };
}

/** Reads and checks path, query and body, and names all faults at once. */
export function readInput(shape: EndpointShape): Middleware {
  return {
    before: ({ event }) => {
      const faults: FieldFault[] = [];
      const id = event.pathParameters?.['id'] ?? '';
      const isKey = shape.id !== undefined && shape.id !== 'definition';
      if (isKey && !isUuid(id)) faults.push({ field: 'id', message: 'is not a UUID' });
      const name = event.pathParameters?.['name'] ?? '';
      if (shape.name !== undefined && !isStepId(name))
        faults.push({ field: 'name', message: 'is not a name' });
      const query = checked(shape.query, { value: event.queryStringParameters ?? {}, root: 'query', faults });
      const json = readBody(shape, event);
      const body = checked(shape.body, { value: json.value, root: 'body', faults });
      if (faults.length > 0) throw invalidRequest(faults);
      const key = id.toLowerCase() as JobId & InstanceId;
      event.input = { id: key, name, query, body: onBehalfOf(event, body), text: json.text, event };
    },
  };
}

/** The audit trail names who it was, whatever the request says; and whom the request names, as what it says. */
function onBehalfOf({ principal }: HttpEvent, body: unknown): unknown {
  if (!principal || typeof body !== 'object' || body === null || !('actor' in body)) return body;
  const said = body.actor === 'api' ? '' : ` (${String(body.actor)})`;
  return { ...body, actor: `${principal.name}${said}`.slice(0, 255) };
}

function readBody(
  { body, optionalBody, bodyLimit = bodyLimits.single }: EndpointShape,
  event: HttpEvent,
): JsonBody {
  if (!body) return noBody;
  return optionalBody && !event.body ? { text: '{}', value: {} } : readJsonBody(event, bodyLimit);
}

const noBody: JsonBody = { text: '', value: undefined };

function checked(
  schema: z.ZodType | undefined,
  { value, root, faults }: { value: unknown; root: string; faults: FieldFault[] },
): unknown {
  if (!schema) return undefined;
  const result = schema.safeParse(value, parseOptions);
  if (result.success) return result.data;
  faults.push(...result.error.issues.flatMap((issue) => faultsOf(issue, root)));
  return undefined;
}

const parseOptions = {
  error: (issue: { input?: unknown }) => (issue.input === undefined ? 'is required' : undefined),
};

function faultsOf(issue: z.core.$ZodIssue, root: string): FieldFault[] {
  if (issue.code === 'invalid_union') {
    // The alternative that was meant is the one of whose fields the request has all, or nearly.
    const [meant] = [...issue.errors].sort((a, b) => unknownKeys(a) - unknownKeys(b));
    return (meant ?? []).flatMap((inner) =>
      faultsOf({ ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue, root),
    );
  }
  if (issue.code !== 'unrecognized_keys') {
    return [{ field: fieldName(issue.path) || root, message: issue.message }];
  }
  return issue.keys.map((key) => ({
    field: fieldName([...issue.path, key.slice(0, 100)]),
    message: 'is not a field of this request',
  }));
}

function unknownKeys(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce(
    (sum, issue) =>
      sum + (issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys.length : 0),
    0,
  );
}

/** `steps[1].type` */
export function fieldName(path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${part}]`;
    return name === '' ? String(part) : `${name}.${String(part)}`;
  }, '');
}
