interface HttpEventOptions {
  readonly body?: unknown;
  /** Of the route that API Gateway has chosen; the path itself unless given. */
  readonly routeKey?: string;
  readonly pathParameters?: Readonly<Record<string, string>>;
}

/** What API Gateway sends to a function. */
export function httpEvent(
  method: string,
  path: string,
  { body, routeKey = `${method} ${path}`, pathParameters }: HttpEventOptions = {},
) {
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: '',
    headers: { host: 'api.example', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    requestContext: { http: { method, path }, requestId: 'request-1', routeKey, stage: '$default' },
    ...(pathParameters && { pathParameters }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    isBase64Encoded: false,
  };
}
