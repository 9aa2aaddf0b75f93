import { defineEndpoint } from '../endpoint.ts';
import { recordPage, recordQuery, recordSummaryOf } from '../record-shapes.ts';

export const listRecords = defineEndpoint(
  {
    scope: 'read',
    query: recordQuery,
    replies: { 200: { description: 'Without their data.', schema: recordPage } },
  },
  async ({ query }, app) => {
    const { workflow, foreign_id, run_state, status, order, limit, cursor } = query;
    const records = await app().records();
    const page = await records.list({
      workflowName: workflow,
      foreignId: foreign_id,
      runStates: run_state && [run_state],
      statuses: status === undefined ? undefined : [status],
      order: order === 'asc' ? 'ascending' : 'descending',
      limit,
      cursor,
    });
    const body = { records: page.records.map(recordSummaryOf), next_cursor: page.cursor ?? null };
    return { status: 200, body: JSON.stringify(body) };
  },
);

export const { handler } = listRecords;
