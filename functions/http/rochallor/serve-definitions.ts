import { isMillraceError, MillraceError } from '../../../engine/errors.ts';
import type { App } from '../../compose.ts';
import { documentText, getDefinition, listDefinitions, upload } from '../../rochallor/definitions.ts';
import type { HttpEvent, HttpResult } from '../shape.ts';
import { definitionSummaryText, failure, json, listText } from './answers.ts';
import { Body, bad } from './body.ts';
import { pageQuery, param } from './request.ts';

export async function postDefinition(event: HttpEvent, app: App): Promise<HttpResult> {
  if (/(?:application|text)\/xml/i.test(event.headers['content-type'] ?? '')) {
    return failure(415, 'unsupported-format', 'Only JSON workflow definitions are accepted');
  }
  const stored = await upload(app, readDocument(event));
  return json(201, definitionSummaryText(stored));
}

function readDocument(event: HttpEvent): string {
  try {
    return Body.required(event).text;
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    throw new MillraceError(error.code, `parse error: ${error.message}`, { cause: error });
  }
}

export async function getDefinitions(event: HttpEvent, app: App): Promise<HttpResult> {
  const keyword = event.queryStringParameters?.['keyword'] || undefined;
  const { items, total } = await listDefinitions(app, { keyword, ...pageQuery(event) });
  return json(200, `{${listText('items', items.map(definitionSummaryText))},"total":${total}}`);
}

export async function getLatest(event: HttpEvent, app: App): Promise<HttpResult> {
  return json(200, documentText(await getDefinition(app, param(event, 'id'), 0)));
}

export async function getVersion(event: HttpEvent, app: App): Promise<HttpResult> {
  const version = param(event, 'version');
  if (!/^[1-9]\d{0,8}$/.test(version)) throw bad('invalid version parameter');
  return json(200, documentText(await getDefinition(app, param(event, 'id'), Number(version))));
}
