import type * as z from 'zod';
import type * as insight from '../../http/insight-shapes.ts';
import type * as records from '../../http/record-shapes.ts';
import type * as replies from '../../http/replies.ts';
import type * as schedules from '../../http/schedule-shapes.ts';
import type * as workflows from '../../http/workflow-replies.ts';

/** What the API answers, from the schemas that its documentation is made of. Gone when the browser loads this. */

export type Overview = z.infer<typeof insight.overview>;
export type Relay = z.infer<typeof insight.relay>;
export type Types = z.infer<typeof insight.types>;
export type Job = z.infer<typeof replies.job>;
export type JobPage = z.infer<typeof replies.jobPage>;
export type JobDetail = z.infer<typeof replies.jobDetail>;
export type Workflow = z.infer<typeof workflows.workflow>;
export type WorkflowPage = z.infer<typeof workflows.workflowPage>;
export type Redriven = z.infer<typeof replies.redriven>;
export type RunRecord = z.infer<typeof records.recordReply>;
export type RecordPage = z.infer<typeof records.recordPage>;
export type Schedule = z.infer<typeof schedules.scheduleReply>;
export type SchedulePage = z.infer<typeof schedules.schedulePage>;
