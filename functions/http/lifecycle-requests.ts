import * as z from 'zod';
import { limits } from '../../engine/deps.ts';
import { instanceStatuses } from '../../engine/workflow/state.ts';
import { dateTime, pageFields, stepId, text, uuid } from './fields.ts';

/** What the endpoints take that end work, bring it back, and list what there was. */

export const onBehalf = {
  reason: text(1000).optional().meta({ description: 'Why; kept in the audit trail.' }),
  actor: text(255).default('api').meta({ description: 'Who; kept in the audit trail.' }),
};

export const cancelRequest = z.strictObject(onBehalf);
export const retryRequest = z.strictObject(onBehalf);

export const workflowListQuery = z.strictObject({
  status: z.enum(instanceStatuses).optional(),
  name: text(255).optional(),
  foreign_id: text(255).optional(),
  ...pageFields,
});

export const deadLetterQuery = z.strictObject({
  type: stepId.optional(),
  error: text(1000).optional().meta({ description: 'Part of the last error, in upper or lower case.' }),
  ...pageFields,
});

const filter = z.strictObject({
  type: stepId.optional(),
  after: dateTime.optional().meta({ description: 'Became a dead letter after this.' }),
  before: dateTime.optional().meta({ description: 'Became a dead letter before this.' }),
  error_contains: text(1000).optional(),
});

export const redriveRequest = z
  .strictObject({
    ids: z.array(uuid).min(1).max(limits.batchJobs).optional(),
    filter: filter.optional(),
    all: z.literal(true).optional(),
    limit: z.int().min(1).max(10_000_000).optional().meta({ description: 'At most so many, oldest first.' }),
    dry_run: z.boolean().default(false).meta({ description: 'Only counts.' }),
    ...onBehalf,
  })
  .refine(
    (body) => [body.ids, body.filter, body.all].filter((choice) => choice !== undefined).length === 1,
    'must have one of `ids`, `filter` and `all`',
  );
