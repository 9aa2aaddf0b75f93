import { h } from 'preact';
import { Chart } from './chart.ts';
import * as format from './format.ts';
import { useLive } from './live.ts';
import { Card, Loaded, Page, Table } from './parts.ts';
import { link } from './router.ts';
import type { Overview } from './shapes.ts';

export function OverviewPage() {
  const live = useLive<Overview>('/api/v1/overview');
  return h(Page, { title: 'Overview' }, h(Loaded<Overview>, { live, show: (data) => h(Now, { data }) }));
}

function Now({ data }: { data: Overview }) {
  const { recent } = data;
  const latency = (ms: number | null) => (ms === null ? '–' : format.duration(ms));
  return h(
    'div',
    null,
    data.fallback &&
      h(
        'p',
        { class: 'problem', role: 'alert' },
        'The way to Kafka is held up: workers poll the API for new jobs.',
      ),
    h(
      'ul',
      { class: 'tiles' },
      h(Tile, { name: 'Accepted', value: `${format.number(recent.accepted_per_second)}/s` }),
      h(Tile, { name: 'Completed', value: `${format.number(recent.completed_per_second)}/s` }),
      h(Tile, {
        name: 'Latency, half / 95 %',
        value: `${latency(recent.latency_p50_ms)} / ${latency(recent.latency_p95_ms)}`,
      }),
      h(Tile, { name: 'Queued', value: format.count(data.queued), status: 'queued' }),
      h(Tile, { name: 'Running', value: format.count(data.running), status: 'running' }),
      h(Tile, {
        name: 'Waiting',
        value: format.count(data.waiting),
        note: 'not due yet, or between attempts',
      }),
      h(Tile, {
        name: 'Dead letters',
        value: format.count(data.dead_letters),
        page: 'dead-letters',
        bad: data.dead_letters > 0,
      }),
      h(Tile, { name: 'Workflows running', value: format.count(data.running_workflows), page: 'workflows' }),
    ),
    h(
      Card,
      { title: 'Throughput' },
      h(Chart, { label: 'Jobs accepted and completed over the last five minutes', ...recent }),
    ),
    h(Card, { title: 'Dispatch' }, h(Dispatch, { data })),
  );
}

interface TileOf {
  readonly name: string;
  readonly value: string;
  readonly note?: string;
  readonly status?: string;
  readonly page?: string;
  readonly bad?: boolean;
}

function Tile({ name, value, note, status, page, bad }: TileOf) {
  const to = page ?? (status && 'jobs');
  const query = status === undefined ? {} : { status };
  return h(
    'li',
    { class: bad ? 'tile bad' : 'tile' },
    to === undefined ? h('span', null, name) : h('a', { href: link(to, { query }) }, name),
    h('strong', null, value),
    note && h('small', null, note),
  );
}

function Dispatch({ data }: { data: Overview }) {
  const how =
    data.mode === 'polling'
      ? `Workers poll the API. ${oldest('job queued', data.queued_oldest_seconds)}`
      : `Through Kafka. ${format.number(data.backlog_messages)} jobs are not with the broker yet. ${oldest('of them', data.backlog_oldest_seconds)}`;
  return h(
    'div',
    null,
    h('p', null, how),
    h(Table<Overview['leaders'][number]>, {
      caption: 'Leaders',
      rows: data.leaders,
      keyOf: ({ name }) => name,
      empty: 'Nobody has led yet.',
      columns: [
        { name: data.mode === 'polling' ? 'Role' : 'Slot', cell: ({ name }) => name },
        { name: 'Leader', cell: ({ leader }) => leader },
        { name: 'Term', cell: ({ term }) => term, numeric: true },
      ],
    }),
  );
}

function oldest(what: string, age: number | null): string {
  return age === null ? 'None waits.' : `The oldest ${what} waits for ${format.seconds(age)}.`;
}
