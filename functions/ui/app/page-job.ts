import { h } from 'preact';
import { send } from './api.ts';
import { ask } from './dialog.ts';
import { duration, time } from './format.ts';
import { type Live, useLive } from './live.ts';
import { Card, type Fact, Facts, IdLink, Json, Loaded, Page, Status, Table } from './parts.ts';
import type { Job, JobDetail } from './shapes.ts';
import { hopsOf, Timeline } from './timeline.ts';

export function JobPage({ id }: { id: string }) {
  const live = useLive<JobDetail>(`/api/v1/jobs/${encodeURIComponent(id)}`);
  return h(Page, { title: 'Job', actions: live.data && h(Actions, { job: live.data, live }) }, [
    h('p', { class: 'id' }, id),
    h(Loaded<JobDetail>, { live, show: (job) => h(Detail, { job }) }),
  ]);
}

function Actions({ job, live }: { job: Job; live: Live<JobDetail> }) {
  const canRetry = job.status === 'dead_letter' || job.status === 'cancelled';
  const canCancel = !canRetry && job.status !== 'completed';
  return [
    canRetry &&
      h('button', { type: 'button', class: 'primary', onClick: () => askRetry(job, live.reload) }, 'Retry'),
    canCancel &&
      h(
        'button',
        { type: 'button', class: 'danger', onClick: () => askCancel(job, live.reload) },
        'Cancel job',
      ),
  ];
}

export function askRetry({ id, type }: Job, done: () => void): void {
  ask({
    title: 'Queue this job again?',
    body: h('p', null, `${type} ${id} runs again, now, with all its retries. Its workflow goes on from it.`),
    verb: 'Retry',
    asksReason: true,
    act: async (by) => {
      const { status } = await send<Job>('POST', `/api/v1/jobs/${id}/retry`, by);
      done();
      return `Job ${id} is ${status}.`;
    },
  });
}

function askCancel({ id, type }: Job, done: () => void): void {
  ask({
    title: 'Cancel this job?',
    body: h(
      'p',
      null,
      `${type} ${id} ends now. A running handler learns of it at its next heartbeat; a step takes its workflow along.`,
    ),
    verb: 'Cancel job',
    danger: true,
    asksReason: true,
    act: async (by) => {
      const { status } = await send<Job>('POST', `/api/v1/jobs/${id}/cancel`, by);
      done();
      return `Job ${id} is ${status}.`;
    },
  });
}

function Detail({ job }: { job: JobDetail }) {
  return h(
    'div',
    null,
    h(Facts, { facts: facts(job) }),
    job.last_error !== null &&
      h(Card, { title: 'Last error' }, h(Json, { value: job.last_error, name: 'Last error' })),
    h(Card, { title: 'Timeline' }, h(Timeline, { hops: hopsOf(job) })),
    h('div', { class: 'two' }, [
      h(Card, { title: 'Payload' }, h(Json, { value: job.payload, name: 'Payload' })),
      h(Card, { title: 'Result' }, h(Json, { value: job.result, name: 'Result' })),
    ]),
    h(Card, { title: 'Attempts' }, h(Attempts, { job })),
    h(Card, { title: 'Audit trail' }, h(Audit, { job })),
  );
}

function facts(job: JobDetail): Fact[] {
  const end = job.completed_at && duration(Date.parse(job.completed_at) - Date.parse(job.created_at));
  return [
    ['Status', h(Status, { status: job.status })],
    ['Type', job.type],
    ['Attempts', `${job.attempt} of ${job.max_retries + 1}`],
    ['From accepted to ended', end],
    ['Due', time(job.run_at)],
    ['Priority', String(job.priority)],
    ['Partition key', job.partition_key],
    ['Idempotency key', job.idempotency_key],
    ['Unique key', job.unique_key],
    ['Worker', job.worker_id],
    ['Workflow', job.workflow_id && h(IdLink, { page: 'workflows', id: job.workflow_id })],
  ];
}

function Attempts({ job }: { job: JobDetail }) {
  return h(Table<JobDetail['attempts'][number]>, {
    caption: 'Attempts',
    rows: job.attempts,
    keyOf: ({ attempt }) => String(attempt),
    empty: 'No worker has claimed it yet.',
    columns: [
      { name: 'Attempt', cell: ({ attempt }) => String(attempt), numeric: true },
      { name: 'Outcome', cell: ({ outcome }) => h(Status, { status: outcome }) },
      { name: 'Worker', cell: ({ worker_id }) => worker_id },
      { name: 'Started', cell: ({ started_at }) => started_at && time(started_at) },
      {
        name: 'Took',
        cell: ({ started_at, ended_at }) =>
          started_at && ended_at && duration(Date.parse(ended_at) - Date.parse(started_at)),
        numeric: true,
      },
      { name: 'Error', cell: ({ error }) => h('span', { class: 'error' }, error) },
    ],
  });
}

function Audit({ job }: { job: JobDetail }) {
  return h(Table<JobDetail['audit'][number]>, {
    caption: 'Audit trail',
    rows: job.audit,
    keyOf: ({ at, action }) => `${at} ${action}`,
    empty: 'Nothing besides what the timeline shows.',
    columns: [
      { name: 'At', cell: ({ at }) => time(at) },
      { name: 'Who', cell: ({ actor }) => actor },
      { name: 'What', cell: ({ action }) => action },
      { name: 'Detail', cell: ({ detail }) => h('code', null, JSON.stringify(detail)) },
    ],
  });
}
