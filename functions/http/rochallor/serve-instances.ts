import type { App } from '../../compose.ts';
import {
  cancelInstance,
  getHistory,
  getInstance,
  listInstances,
  startInstance,
} from '../../rochallor/instances.ts';
import { completeTaskById, completeUserTask, signalWait } from '../../rochallor/steps.ts';
import { traceparentOf } from '../accept.ts';
import type { HttpEvent, HttpResult } from '../shape.ts';
import { executionText, instanceText, json, listText, noContent } from './answers.ts';
import { asVariables, Body, bad } from './body.ts';
import { pageQuery, param } from './request.ts';

export async function postInstance(event: HttpEvent, app: App): Promise<HttpResult> {
  const body = Body.required(event);
  const definitionId = body.string('definitionId');
  if (definitionId === '') throw bad('definitionId is required');
  const started = await startInstance(app, {
    definitionId,
    definitionVersion: body.integer('definitionVersion'),
    variables: body.variables(),
    businessKey: body.string('businessKey'),
    traceparent: traceparentOf(event),
  });
  return json(201, instanceText(started));
}

export async function getInstances(event: HttpEvent, app: App): Promise<HttpResult> {
  const query = event.queryStringParameters ?? {};
  const { items, total } = await listInstances(app, {
    definitionId: query['definitionId'] || undefined,
    status: query['status'] || undefined,
    businessKey: query['businessKey'] || undefined,
    ...pageQuery(event),
  });
  return json(200, `{${listText('items', items.map(instanceText))},"total":${total}}`);
}

export async function getOne(event: HttpEvent, app: App): Promise<HttpResult> {
  return json(200, instanceText(await getInstance(app, param(event, 'id'))));
}

export async function getExecutions(event: HttpEvent, app: App): Promise<HttpResult> {
  const executions = await getHistory(app, param(event, 'id'));
  return json(200, `{${listText('items', executions.map(executionText))}}`);
}

export async function postCancel(event: HttpEvent, app: App): Promise<HttpResult> {
  const reason = Body.optional(event).string('reason');
  return json(200, instanceText(await cancelInstance(app, param(event, 'id'), reason)));
}

export async function postUserTask(event: HttpEvent, app: App): Promise<HttpResult> {
  const body = Body.optional(event);
  await completeUserTask(app, {
    instanceId: param(event, 'id'),
    stepId: param(event, 'step'),
    variables: body.variables(),
    by: body.string('workerId'),
  });
  return noContent;
}

/** The address that one SDK has for it: the task is the execution that the history tells of. */
export async function postTaskById(event: HttpEvent, app: App): Promise<HttpResult> {
  const body = Body.optional(event);
  await completeTaskById(app, param(event, 'id'), {
    variables: body.variables('result'),
    by: body.string('completedBy'),
  });
  return noContent;
}

/** The body is the variables, without anything around them. */
export async function postSignal(event: HttpEvent, app: App): Promise<HttpResult> {
  const { text } = Body.optional(event);
  await signalWait(app, {
    instanceId: param(event, 'id'),
    stepId: param(event, 'step'),
    variables: asVariables(text, 'the body'),
  });
  return noContent;
}
