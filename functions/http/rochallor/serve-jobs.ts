import type { App } from '../../compose.ts';
import { errorText, extendLease, settleJob, takeJobs } from '../../rochallor/jobs.ts';
import { bodyLimits } from '../request-body.ts';
import type { HttpEvent, HttpResult } from '../shape.ts';
import { jobText, json, listText, noContent } from './answers.ts';
import { Body, bad } from './body.ts';
import { param } from './request.ts';

const DEFAULT_JOBS = 10;

export async function postPoll(event: HttpEvent, app: App): Promise<HttpResult> {
  const body = Body.required(event);
  const [workerId, jobTypes] = [body.string('workerId'), body.strings('jobTypes')];
  if (workerId === '') throw bad('workerId is required');
  if (jobTypes.length === 0) throw bad('jobTypes must not be empty');
  const asked = body.integer('maxJobs');
  const jobs = await takeJobs(app, {
    workerId,
    jobTypes,
    maxJobs: asked > 0 ? asked : DEFAULT_JOBS,
    leaseSeconds: body.integer('leaseSeconds'),
    gone: event.gone?.(),
  });
  return json(200, `{${listText('jobs', jobs.map(jobText))}}`);
}

export async function postHeartbeat(event: HttpEvent, app: App): Promise<HttpResult> {
  const body = Body.required(event);
  const lockExpiresAt = await extendLease(app, {
    id: param(event, 'id'),
    workerId: body.string('workerId'),
    leaseSeconds: body.integer('leaseSeconds'),
  });
  return json(200, JSON.stringify({ accepted: true, lockExpiresAt }));
}

export async function postComplete(event: HttpEvent, app: App): Promise<HttpResult> {
  await settleJob(app, param(event, 'id'), () => {
    const body = Body.required(event, bodyLimits.result);
    const end = { kind: 'completed', result: body.variables() } as const;
    return { workerId: body.string('workerId'), end };
  });
  return noContent;
}

export async function postFail(event: HttpEvent, app: App): Promise<HttpResult> {
  await settleJob(app, param(event, 'id'), () => {
    const body = Body.required(event);
    const error = errorText(body.string('errorMessage'));
    const end = { kind: 'failed', error, retryable: body.boolean('retryable') } as const;
    return { workerId: body.string('workerId'), end };
  });
  return noContent;
}
