import type {
  APIGatewayProxyEventV2,
  APIGatewayProxyStructuredResultV2,
  Context as LambdaContext,
} from 'aws-lambda';
import type * as z from 'zod';
import type { InstanceId, JobId } from '../../events/ids.ts';
import type { Access, Principal } from '../auth/scopes.ts';

export interface HttpEvent extends APIGatewayProxyEventV2 {
  /** Set by the middleware where somebody is asked for. */
  principal?: Principal;
  /** Set by the middleware once the request is found to be as documented. */
  input?: Input<unknown, unknown>;
  /** Aborts when the caller has gone. Only the local gateway can tell; made when first asked for, as most requests never do. */
  gone?: () => AbortSignal;
}

export type HttpResult = APIGatewayProxyStructuredResultV2;
export type HttpHandler = (event: HttpEvent, context: LambdaContext) => Promise<HttpResult>;

/** What an endpoint takes and gives; the OpenAPI document is made from it too. */
export interface EndpointShape<Body extends z.ZodType = z.ZodType, Query extends z.ZodType = z.ZodType> {
  /** What a key must be allowed to do. */
  readonly scope: Access;
  /** The key of a tenant is let in, for what it gets is held to the tenant's rows ({@link App.forTenant}). */
  readonly forTenants?: true;
  /** What `{id}` in the path is the id of. */
  readonly id?: 'job' | 'workflow' | 'definition' | 'run';
  /** The path has `{step}` in it. */
  readonly step?: true;
  /** What `{name}` in the path is the name of. */
  readonly name?: 'schedule' | 'asset';
  readonly query?: Query;
  readonly body?: Body;
  /** A request without a body is one with `{}`. */
  readonly optionalBody?: true;
  /** Bytes; 256 KB unless given. */
  readonly bodyLimit?: number;
  readonly replies: Readonly<Record<number, ReplyShape>>;
}

export interface ReplyShape {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** Each that it may have. */
  readonly contentTypes?: readonly string[];
}

export interface Input<Body, Query> {
  /** `{id}` of the path, in lower case; empty in a path without one. Of a definition see `event`. */
  readonly id: JobId & InstanceId;
  /** `{name}` of the path; empty in a path without one. */
  readonly name: string;
  readonly query: Query;
  readonly body: Body;
  /** The body as sent, for what must go through byte for byte. */
  readonly text: string;
  readonly event: HttpEvent;
}

export interface Reply {
  readonly status: number;
  /** JSON text, unless `contentType` says otherwise. */
  readonly body: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
