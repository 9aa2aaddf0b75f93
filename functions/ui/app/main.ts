import { type ComponentChild, h, render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Dialogs } from './dialog.ts';
import { DeadLettersPage } from './page-dead-letters.ts';
import { JobPage } from './page-job.ts';
import { JobsPage } from './page-jobs.ts';
import { OverviewPage } from './page-overview.ts';
import { RecordPage } from './page-record.ts';
import { RecordsPage } from './page-records.ts';
import { RelayPage } from './page-relay.ts';
import { SchedulesPage } from './page-schedules.ts';
import { TypesPage } from './page-types.ts';
import { WorkflowPage } from './page-workflow.ts';
import { WorkflowsPage } from './page-workflows.ts';
import { link, type Route, useRoute } from './router.ts';
import { LogIn, type Session, useSession, Who } from './session.ts';

interface View {
  readonly name: string;
  readonly show: (route: Route) => ComponentChild;
}

const views: Readonly<Record<string, View>> = {
  overview: { name: 'Overview', show: () => h(OverviewPage, null) },
  jobs: {
    name: 'Jobs',
    show: ({ id, query }) => (id ? h(JobPage, { id, key: id }) : h(JobsPage, { query })),
  },
  workflows: {
    name: 'Workflows',
    show: ({ id, query }) => (id ? h(WorkflowPage, { id, key: id }) : h(WorkflowsPage, { query })),
  },
  records: {
    name: 'Records',
    show: ({ id, query }) => (id ? h(RecordPage, { id, key: id }) : h(RecordsPage, { query })),
  },
  'dead-letters': { name: 'Dead letters', show: ({ query }) => h(DeadLettersPage, { query }) },
  schedules: { name: 'Schedules', show: ({ query }) => h(SchedulesPage, { query }) },
  topics: { name: 'Topics', show: () => h(TypesPage, null) },
  relay: { name: 'Relay', show: () => h(RelayPage, null) },
};

function App() {
  const session = useSession();
  if (session === undefined) return null;
  return session.asked && session.name === null ? h(LogIn, null) : h(Views, { session });
}

function Views({ session }: { session: Session }) {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const view = Object.hasOwn(views, route.page) ? views[route.page] : undefined;
  const place = `${route.page}/${route.id ?? ''}`;
  const first = useRef(place);
  useEffect(() => {
    document.title = `${view?.name ?? 'Not found'} · Millrace`;
    // A view that comes up is where the keyboard and the screen reader go on; at the first one the browser knows best.
    if (first.current !== place) main.current?.focus();
    first.current = place;
  }, [place, view]);
  return h(
    'div',
    { class: 'frame' },
    h(
      'button',
      { type: 'button', class: 'skip', onClick: () => main.current?.focus() },
      'Skip to the content',
    ),
    h(
      'header',
      null,
      h('a', { href: link('overview'), class: 'brand' }, 'Millrace'),
      h(Navigation, { page: route.page }),
      h(Who, { session }),
    ),
    h('main', { ref: main, tabIndex: -1 }, view ? view.show(route) : h('p', null, 'There is no such view.')),
    h(Dialogs, null),
  );
}

function Navigation({ page }: { page: string }) {
  return h(
    'nav',
    { 'aria-label': 'Views' },
    Object.entries(views).map(([name, view]) =>
      h('a', { href: link(name), 'aria-current': name === page ? 'page' : undefined }, view.name),
    ),
  );
}

const root = document.getElementById('app');
if (root) {
  root.replaceChildren();
  render(h(App, null), root);
}
