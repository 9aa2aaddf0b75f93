import { h } from 'preact';
import { pathWith, type Query } from './api.ts';
import { useLive } from './live.ts';
import {
  type Column,
  Filter,
  IdLink,
  Loaded,
  Page,
  Pager,
  Select,
  Status,
  Table,
  Text,
  When,
} from './parts.ts';
import type { Job, JobPage } from './shapes.ts';

const STATUSES = ['pending', 'queued', 'running', 'retrying', 'completed', 'dead_letter', 'cancelled'];

export function JobsPage({ query }: { query: Query }) {
  const { created_after, created_before, ...rest } = query;
  const live = useLive<JobPage>(
    pathWith('/api/v1/jobs', {
      limit: '50',
      ...rest,
      created_after: utc(created_after),
      created_before: utc(created_before),
    }),
  );
  return h(
    Page,
    { title: 'Jobs' },
    h(
      Filter,
      { page: 'jobs' },
      h(Select, { label: 'Status', name: 'status', value: query['status'], options: STATUSES }),
      h(Text, { label: 'Type', name: 'type', value: query['type'] }),
      h(Text, { label: 'Text', name: 'text', value: query['text'], hint: 'id, key, error, payload' }),
      h(Text, {
        label: 'Created after',
        name: 'created_after',
        value: created_after,
        type: 'datetime-local',
      }),
      h(Text, {
        label: 'Created before',
        name: 'created_before',
        value: created_before,
        type: 'datetime-local',
      }),
    ),
    h(Loaded<JobPage>, {
      live,
      show: ({ jobs, next_cursor }) => [
        h(Table<Job>, {
          caption: 'Jobs, newest first',
          rows: jobs,
          keyOf: ({ id }) => id,
          columns: jobColumns,
          empty: query['text']
            ? 'None of the 20,000 newest jobs of this filter has this text. Give a time to look further back.'
            : 'No job matches.',
        }),
        h(Pager, { page: 'jobs', query, next: next_cursor }),
      ],
    }),
  );
}

export const jobColumns: readonly Column<Job>[] = [
  { name: 'Status', cell: ({ status }) => h(Status, { status }) },
  { name: 'Job', cell: ({ id }) => h(IdLink, { page: 'jobs', id }) },
  { name: 'Type', cell: ({ type }) => type },
  { name: 'Attempts', cell: ({ attempt, max_retries }) => `${attempt} of ${max_retries + 1}`, numeric: true },
  { name: 'Created', cell: ({ created_at }) => h(When, { at: created_at }) },
  {
    name: 'Last error',
    cell: ({ last_error }) => h('span', { class: 'error' }, last_error?.slice(0, 120) ?? ''),
  },
];

/** What the field of the browser gives has no zone: it is the reader's. */
function utc(local: string | undefined): string | undefined {
  const ms = local ? Date.parse(local) : Number.NaN;
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}
