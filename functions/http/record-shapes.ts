import * as z from 'zod';
import { type RunState, runStates, type WorkflowRecord } from '../../engine/ports/workflow-record-store.ts';
import { anyJson, pageFields, text } from './fields.ts';
import { onBehalf } from './lifecycle-requests.ts';
import { jsonObject } from './views.ts';

/** What the endpoints of workflow records take and show. */

const time = z.iso.datetime().meta({ description: 'RFC 3339, UTC.' });
const whole = z
  .string()
  .regex(/^-?\d{1,10}$/, 'is not a whole number')
  .transform(Number)
  .meta({ override: { type: 'integer' } });

export const recordQuery = z.strictObject({
  workflow: text(255).optional(),
  foreign_id: text(255).optional(),
  run_state: z.enum(runStates).optional(),
  status: whole.optional(),
  order: z.enum(['asc', 'desc']).default('desc').meta({ description: 'By creation.' }),
  limit: pageFields.limit,
  cursor: z.string().max(400).optional().meta({ description: 'The next_cursor of the page before.' }),
});

export const recordChange = z.strictObject(onBehalf);

const summary = {
  run_id: z.string(),
  workflow: z.string(),
  foreign_id: z.string(),
  status: z.int().meta({ description: 'Of the user’s own graph.' }),
  run_state: z.enum(runStates),
  reason: z.string().nullable(),
  version: z.int(),
  created_at: time,
  updated_at: time,
};

export const recordSummary = z.strictObject(summary).meta({ id: 'RecordSummary' });

export const recordReply = z
  .strictObject({
    ...summary,
    object: anyJson.meta({ description: 'The data of the run, where it is JSON; else null.' }),
    object_base64: z.string().nullable().meta({ description: 'Its bytes, where they are not JSON.' }),
  })
  .meta({ id: 'Record' });

export const recordPage = z.strictObject({
  records: z.array(recordSummary),
  next_cursor: z.string().nullable().meta({ description: 'For the next page; null at the end.' }),
});

export interface RecordSummary {
  readonly run_id: string;
  readonly workflow: string;
  readonly foreign_id: string;
  readonly status: number;
  readonly run_state: RunState;
  readonly reason: string | null;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export function recordSummaryOf(record: WorkflowRecord): RecordSummary {
  return {
    run_id: record.runId,
    workflow: record.workflowName,
    foreign_id: record.foreignId,
    status: record.status,
    run_state: record.runState,
    reason: record.reason ?? null,
    version: record.version,
    created_at: record.createdAt,
    updated_at: record.updatedAt,
  };
}

/** JSON goes through as it was written. */
export function recordText(record: WorkflowRecord): string {
  const object = jsonTextOf(record.object);
  const bytes = object === undefined ? record.object.toString('base64') : null;
  return jsonObject({ ...recordSummaryOf(record), object_base64: bytes }, { object: object ?? 'null' });
}

function jsonTextOf(bytes: Buffer): string | undefined {
  if (bytes.length === 0) return 'null';
  try {
    const json = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    JSON.parse(json);
    return json;
  } catch {
    return undefined;
  }
}
