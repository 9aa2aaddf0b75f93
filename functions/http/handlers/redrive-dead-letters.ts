import type * as z from 'zod';
import { redriveDeadLetters as redrive } from '../../../engine/commands/redrive.ts';
import type { DeadLetterFilter } from '../../../engine/ports/record-store.ts';
import type { JobId, StepId } from '../../../events/ids.ts';
import { defineEndpoint } from '../endpoint.ts';
import { redriveRequest } from '../lifecycle-requests.ts';
import * as replies from '../replies.ts';

export const redriveDeadLetters = defineEndpoint(
  {
    scope: 'admin',
    forTenants: true,
    body: redriveRequest,
    replies: {
      200: {
        description:
          'How many matched, and how many were queued again: fewer when somebody else took some. Committed by the ' +
          'thousand; when the answer is lost, send the request again for the rest.',
        schema: replies.redriven,
      },
    },
  },
  async ({ body }, app) => {
    const { actor, reason, limit, dry_run } = body;
    const request = { filter: toFilter(body), actor, reason, limit, dryRun: dry_run };
    const { matched, redriven } = await redrive(app().deps, request);
    return { status: 200, body: JSON.stringify({ matched, redriven, dry_run }) };
  },
);

export const { handler } = redriveDeadLetters;

function toFilter({ ids, filter }: z.infer<typeof redriveRequest>): DeadLetterFilter {
  return {
    ids: ids as JobId[] | undefined,
    type: filter?.type as StepId | undefined,
    endedAfter: filter?.after === undefined ? undefined : new Date(filter.after),
    endedBefore: filter?.before === undefined ? undefined : new Date(filter.before),
    errorContains: filter?.error_contains,
  };
}
