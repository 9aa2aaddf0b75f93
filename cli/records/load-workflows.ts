import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillraceError } from '../../engine/errors.ts';
import { checkRecordWorkflow } from '../../engine/records/check-record-workflow.ts';
import type { RecordWorkflow } from '../../engine/records/record-workflow.ts';

/** What a module declares: `export default defineRecordWorkflow({ … })`, or a list of them. */
export async function loadRecordWorkflows(path: string): Promise<readonly RecordWorkflow[]> {
  const file = resolve(path);
  if (!existsSync(file)) {
    throw new MillraceError(
      'configuration',
      `There is no ${file}. Give the module whose default export is defineRecordWorkflow({ … }), or a list of them.`,
    );
  }
  const module: { default?: unknown } = await import(pathToFileURL(file).href);
  const exported: unknown[] = Array.isArray(module.default) ? module.default : [module.default];
  if (exported.length === 0 || !exported.every(isWorkflow)) {
    throw new MillraceError(
      'configuration',
      `${path} must have the default export defineRecordWorkflow({ name, steps }), or a list of them.`,
    );
  }
  for (const workflow of exported) checkRecordWorkflow(workflow);
  return exported;
}

function isWorkflow(value: unknown): value is RecordWorkflow {
  if (typeof value !== 'object' || value === null || !('name' in value) || !('steps' in value)) return false;
  return typeof value.name === 'string' && typeof value.steps === 'object' && value.steps !== null;
}
