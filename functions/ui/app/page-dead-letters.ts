import { h } from 'preact';
import { pathWith, type Query, send } from './api.ts';
import { ask } from './dialog.ts';
import { useLive } from './live.ts';
import { askRetry } from './page-job.ts';
import { jobColumns } from './page-jobs.ts';
import { Filter, Loaded, Page, Pager, Table, Text } from './parts.ts';
import type { Job, JobPage, Redriven } from './shapes.ts';

export function DeadLettersPage({ query }: { query: Query }) {
  const live = useLive<JobPage>(pathWith('/api/v1/dead-letters', { limit: '50', ...query }));
  const redrive = h(
    'button',
    { type: 'button', class: 'primary', onClick: () => void askRedrive(query, live.reload) },
    'Redrive all that match',
  );
  const columns = [
    ...jobColumns.filter(({ name }) => name !== 'Status'),
    {
      name: 'Action',
      cell: (job: Job) =>
        h(
          'button',
          { type: 'button', 'aria-label': `Redrive ${job.id}`, onClick: () => askRetry(job, live.reload) },
          'Redrive',
        ),
    },
  ];
  return h(
    Page,
    { title: 'Dead letters', actions: redrive },
    h(
      Filter,
      { page: 'dead-letters' },
      h(Text, { label: 'Type', name: 'type', value: query['type'] }),
      h(Text, { label: 'Error has', name: 'error', value: query['error'] }),
    ),
    h(Loaded<JobPage>, {
      live,
      show: ({ jobs, next_cursor }) => [
        h(Table<Job>, {
          caption: 'Dead letters, newest first',
          rows: jobs,
          keyOf: ({ id }) => id,
          columns,
          empty: 'No dead letters. Jobs come here when their last attempt has failed.',
        }),
        h(Pager, { page: 'dead-letters', query, next: next_cursor }),
      ],
    }),
  );
}

/** Counts first, with the very request that would then do it. */
async function askRedrive({ type, error }: Query, done: () => void): Promise<void> {
  const filter = { ...(type && { type }), ...(error && { error_contains: error }) };
  const which = Object.keys(filter).length === 0 ? { all: true } : { filter };
  const path = '/api/v1/dead-letters/redrive';
  const counted = await send<Redriven>('POST', path, { ...which, dry_run: true }).catch(
    (problem: Error) => problem,
  );
  ask({
    title: 'Queue these dead letters again?',
    body:
      counted instanceof Error
        ? h('p', { class: 'problem' }, `They could not be counted: ${counted.message}`)
        : h('p', null, `A dry run found ${counted.matched}. Each runs again, now, with all its retries.`),
    verb: 'Redrive',
    asksReason: true,
    act: async (by) => {
      const { matched, redriven } = await send<Redriven>('POST', path, { ...which, ...by });
      done();
      return `${redriven} of ${matched} dead letters are queued again.`;
    },
  });
}
