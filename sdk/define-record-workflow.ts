import { checkRecordWorkflow } from '../engine/records/check-record-workflow.ts';
import type { RecordWorkflow } from '../engine/records/record-workflow.ts';

/**
 * A workflow for `millrace records run`: the default export of a module, alone or in a list. The type of its data flows to its
 * steps.
 * @throws MillraceError `configuration` that says what is wrong with it
 */
export function defineRecordWorkflow<Data = unknown>(workflow: RecordWorkflow<Data>): RecordWorkflow<Data> {
  checkRecordWorkflow(workflow);
  return Object.freeze(workflow);
}
