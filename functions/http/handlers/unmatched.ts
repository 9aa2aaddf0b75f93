import { MillraceError } from '../../../engine/errors.ts';
import { defineEndpoint } from '../endpoint.ts';
import { methodsAt } from '../match-route.ts';

/** API Gateway's `$default` route: what no other one takes. */
export const unmatched = defineEndpoint({ scope: 'public', replies: {} }, ({ event }) => {
  const { method, path } = event.requestContext.http;
  const allow = methodsAt(path);
  if (allow.length === 0) {
    throw new MillraceError(
      'not_found',
      `There is nothing at ${path.slice(0, 200)}. What there is, /docs lists.`,
    );
  }
  throw new MillraceError(
    'method_not_allowed',
    `${path.slice(0, 200)} does not take ${method}. It takes ${allow.join(', ')}.`,
    { detail: { allow } },
  );
});

export const { handler } = unmatched;
