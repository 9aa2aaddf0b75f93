import { h } from 'preact';
import { pathWith, type Query } from './api.ts';
import { useLive } from './live.ts';
import { Filter, IdLink, Loaded, Page, Pager, Select, Status, Table, Text, When } from './parts.ts';
import type { WorkflowPage } from './shapes.ts';

const STATUSES = ['running', 'completed', 'failed', 'cancelled'];

export function WorkflowsPage({ query }: { query: Query }) {
  const live = useLive<WorkflowPage>(pathWith('/api/v1/workflows', { limit: '50', ...query }));
  return h(
    Page,
    { title: 'Workflows' },
    h(
      Filter,
      { page: 'workflows' },
      h(Select, { label: 'Status', name: 'status', value: query['status'], options: STATUSES }),
      h(Text, { label: 'Name', name: 'name', value: query['name'] }),
      h(Text, { label: 'Foreign id', name: 'foreign_id', value: query['foreign_id'] }),
    ),
    h(Loaded<WorkflowPage>, {
      live,
      show: ({ workflows, next_cursor }) => [
        h(Table<WorkflowPage['workflows'][number]>, {
          caption: 'Workflows, newest first',
          rows: workflows,
          keyOf: ({ id }) => id,
          empty: 'No workflow matches.',
          columns: [
            { name: 'Status', cell: ({ status }) => h(Status, { status }) },
            { name: 'Workflow', cell: ({ id }) => h(IdLink, { page: 'workflows', id }) },
            { name: 'Name', cell: ({ name }) => name },
            { name: 'Foreign id', cell: ({ foreign_id }) => foreign_id },
            {
              name: 'Step',
              cell: ({ status, current_step, total_steps }) =>
                `${status === 'completed' ? total_steps : Math.min(current_step + 1, total_steps)} of ${total_steps}`,
              numeric: true,
            },
            { name: 'Created', cell: ({ created_at }) => h(When, { at: created_at }) },
          ],
        }),
        h(Pager, { page: 'workflows', query, next: next_cursor }),
      ],
    }),
  );
}
