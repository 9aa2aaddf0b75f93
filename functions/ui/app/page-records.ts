import { h } from 'preact';
import { pathWith, type Query } from './api.ts';
import { useLive } from './live.ts';
import { Filter, IdLink, Loaded, Page, Pager, Select, Status, Table, Text, When } from './parts.ts';
import type { RecordPage } from './shapes.ts';

const STATES = ['initiated', 'running', 'paused', 'cancelled', 'completed', 'data_deleted'];

/** Runs of workflows that teams write against a record store: docs/guide/workflow-records.md. */
export function RecordsPage({ query }: { query: Query }) {
  const live = useLive<RecordPage>(pathWith('/api/v1/records', { limit: '50', ...query }));
  return h(
    Page,
    { title: 'Workflow records' },
    h(
      Filter,
      { page: 'records' },
      h(Select, { label: 'State', name: 'run_state', value: query['run_state'], options: STATES }),
      h(Text, { label: 'Workflow', name: 'workflow', value: query['workflow'] }),
      h(Text, { label: 'Foreign id', name: 'foreign_id', value: query['foreign_id'] }),
      h(Text, { label: 'Status', name: 'status', value: query['status'], hint: 'a number' }),
    ),
    h(Loaded<RecordPage>, {
      live,
      show: ({ records, next_cursor }) => [
        h(Table<RecordPage['records'][number]>, {
          caption: 'Workflow records, newest first',
          rows: records,
          keyOf: ({ run_id }) => run_id,
          empty: 'No record matches. Records are made by a record store, or by millrace records start.',
          columns: [
            { name: 'State', cell: ({ run_state }) => h(Status, { status: run_state }) },
            { name: 'Run', cell: ({ run_id }) => h(IdLink, { page: 'records', id: run_id }) },
            { name: 'Workflow', cell: ({ workflow }) => workflow },
            { name: 'Foreign id', cell: ({ foreign_id }) => foreign_id },
            { name: 'Status', cell: ({ status }) => status, numeric: true },
            { name: 'Version', cell: ({ version }) => version, numeric: true },
            { name: 'Updated', cell: ({ updated_at }) => h(When, { at: updated_at }) },
          ],
        }),
        h(Pager, { page: 'records', query, next: next_cursor }),
      ],
    }),
  );
}
