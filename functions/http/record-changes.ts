import { changeRun, type RunChange } from '../../engine/records/change-run.ts';
import { defineEndpoint, type Endpoint } from './endpoint.ts';
import { recordChange, recordReply, recordText } from './record-shapes.ts';
import { recordNotFound } from './refusals.ts';

/** What a person may do to a run, as an endpoint. The record keeps why, the audit trail of the service who too. */
export function changeOfRecord(change: RunChange, description: string): Endpoint {
  return defineEndpoint(
    {
      scope: 'admin',
      id: 'run',
      body: recordChange,
      optionalBody: true,
      replies: {
        200: { description, schema: recordReply },
        404: { description: 'There is no such run.' },
        409: { description: 'The run is in another state, or was stored by others at this moment.' },
      },
    },
    async ({ id, body: { actor, reason } }, app) => {
      const { deps, records: open } = app();
      const records = await open();
      const { workflowName, foreignId } = await changeRun(records, id, { change, reason });
      const detail = { change, run_id: id, workflow: workflowName, foreign_id: foreignId, reason };
      await deps.store.audit([{ action: 'RECORD_CHANGED', actor, detail }]);
      const record = await records.lookup(id);
      if (!record) throw recordNotFound(id);
      return { status: 200, body: recordText(record) };
    },
  );
}
