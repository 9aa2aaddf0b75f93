import { h } from 'preact';
import * as format from './format.ts';
import { useLive } from './live.ts';
import { Loaded, Page, Table } from './parts.ts';
import { link } from './router.ts';
import type { Types } from './shapes.ts';

type TypeLoad = Types['types'][number];

export function TypesPage() {
  const live = useLive<Types>('/api/v1/types');
  return h(
    Page,
    { title: 'Topics and consumers' },
    h(Loaded<Types>, {
      live,
      show: ({ types }) =>
        h(Table<TypeLoad>, {
          caption: 'Job types with their topics and consumer groups',
          rows: types,
          keyOf: ({ type }) => type,
          empty: 'No type is registered. Start a worker, or millrace topics apply.',
          columns: [
            { name: 'Type', cell: ({ type }) => h('a', { href: link('jobs', { query: { type } }) }, type) },
            { name: 'Topic', cell: ({ topic }) => h('code', null, topic) },
            { name: 'Consumer group', cell: ({ group }) => h('code', null, group) },
            { name: 'Queued', cell: ({ queued }) => format.count(queued), numeric: true },
            {
              name: 'Oldest waits',
              cell: (load) => format.seconds(load.oldest_queued_seconds),
              numeric: true,
            },
            { name: 'Running', cell: ({ running }) => format.count(running), numeric: true },
            { name: 'Workers busy', cell: ({ workers }) => format.count(workers), numeric: true },
            { name: 'Dead letters', cell: ({ dead_letters }) => format.count(dead_letters), numeric: true },
          ],
        }),
    }),
  );
}
