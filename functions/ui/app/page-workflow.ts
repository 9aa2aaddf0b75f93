import { h } from 'preact';
import { send } from './api.ts';
import { ask } from './dialog.ts';
import { useFeature } from './features.ts';
import { duration, time } from './format.ts';
import { type Live, useLive } from './live.ts';
import { Card, Facts, IdLink, Json, Loaded, Page, Status } from './parts.ts';
import type { Workflow } from './shapes.ts';

export function WorkflowPage({ id }: { id: string }) {
  const live = useLive<Workflow>(`/api/v1/workflows/${encodeURIComponent(id)}`);
  return h(Page, { title: 'Workflow', actions: h(Actions, { live }) }, [
    h('p', { class: 'id' }, id),
    h(Loaded<Workflow>, { live, show: (workflow) => h(Detail, { workflow }) }),
  ]);
}

/** What may be done in the state it is in. */
function Actions({ live: { data, reload } }: { live: Live<Workflow> }) {
  if (!data) return null;
  const { id, status } = data;
  const button = (label: string, act: () => void, kind = '') =>
    h('button', { type: 'button', class: kind, onClick: act }, label);
  return h('span', { class: 'buttons' }, [
    status === 'running' && button('Pause workflow', () => askPause(id, reload)),
    status === 'paused' && button('Resume workflow', () => askResume(id, reload), 'primary'),
    (status === 'running' || status === 'paused') &&
      button('Cancel workflow', () => askCancel(id, reload), 'danger'),
  ]);
}

function askPause(id: string, done: () => void): void {
  ask({
    title: 'Pause this workflow?',
    body: h('p', null, `Steps of ${id} that run go on; no further one begins until it is resumed.`),
    verb: 'Pause workflow',
    asksReason: true,
    act: async (by) => {
      await send<unknown>('POST', `/api/v1/workflows/${id}/pause`, by);
      done();
      return `Workflow ${id} is paused.`;
    },
  });
}

function askResume(id: string, done: () => void): void {
  ask({
    title: 'Resume this workflow?',
    body: h('p', null, `Workflow ${id} goes on where it was paused.`),
    verb: 'Resume workflow',
    asksReason: true,
    act: async (by) => {
      await send<unknown>('POST', `/api/v1/workflows/${id}/resume`, by);
      done();
      return `Workflow ${id} goes on.`;
    },
  });
}

function askCancel(id: string, done: () => void): void {
  ask({
    title: 'Cancel this workflow?',
    body: h(
      'p',
      null,
      `Workflow ${id} and its open jobs end now. Running handlers learn of it at their next heartbeat.`,
    ),
    verb: 'Cancel workflow',
    danger: true,
    asksReason: true,
    act: async (by) => {
      await send<unknown>('POST', `/api/v1/workflows/${id}/cancel`, by);
      done();
      return `Workflow ${id} is cancelled.`;
    },
  });
}

function Detail({ workflow }: { workflow: Workflow }) {
  const { created_at, completed_at } = workflow;
  return h(
    'div',
    null,
    h(Facts, {
      facts: [
        ['Status', h(Status, { status: workflow.status })],
        ['Name', workflow.name],
        ['Foreign id', workflow.foreign_id],
        ['Started', time(created_at)],
        ['Took', completed_at && duration(Date.parse(completed_at) - Date.parse(created_at))],
        ['Failure', workflow.failure_reason && h('span', { class: 'error' }, workflow.failure_reason)],
      ],
    }),
    h(Graph, { workflow }),
    h(Card, { title: 'Timeline' }, h(Gantt, { workflow })),
    workflow.steps.map((step, index) => h(StepCard, { key: step.name, step, place: index + 1 })),
  );
}

/** As an image: whatever stands in a definition, an image runs nothing. */
function Graph({ workflow: { id, name, updated_at } }: { workflow: Workflow }) {
  if (!useFeature('/api/v1/workflows/{id}/graph')) return null;
  const src = `/api/v1/workflows/${id}/graph?format=svg`;
  const alt = `Graph of ${name}; each step is in the timeline below`;
  return h(Card, { title: 'Graph' }, h('img', { key: updated_at, class: 'graph', src, alt }));
}

type Step = Workflow['steps'][number];

const WIDTH = 300;

/** Each step where it lies in the time of the whole. */
function Gantt({ workflow }: { workflow: Workflow }) {
  const start = Date.parse(workflow.created_at);
  const end = Math.max(start + 1, workflow.completed_at ? Date.parse(workflow.completed_at) : Date.now());
  const at = (time: string) => ((Date.parse(time) - start) / (end - start)) * (WIDTH - 3);
  return h(
    'ol',
    { class: 'timeline' },
    workflow.steps.map(({ name, status, started_at, completed_at }) => {
      const from = started_at ? at(started_at) : WIDTH;
      const to = completed_at ? at(completed_at) : WIDTH - 3;
      const took = started_at && completed_at && duration(Date.parse(completed_at) - Date.parse(started_at));
      return h(
        'li',
        { key: name },
        h('span', { class: 'took' }, took || '–'),
        h(
          'svg',
          { class: 'span', viewBox: `0 0 ${WIDTH} 8`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
          started_at &&
            h('rect', { class: status, x: from, y: 1, width: Math.max(0, to - from) + 3, height: 6 }),
        ),
        h('span', { class: 'what' }, name, ' ', h(Status, { status })),
      );
    }),
  );
}

function StepCard({ step, place }: { step: Step; place: number }) {
  return h(
    'section',
    { class: 'card' },
    h('h2', null, `${place}. ${step.name}`),
    h(Facts, {
      facts: [
        ['Status', h(Status, { status: step.status })],
        ['Type', step.type],
        ['Attempts', `${step.attempt} of ${step.max_retries + 1}`],
        ['Job', step.job_id && h(IdLink, { page: 'jobs', id: step.job_id })],
        ['Error', step.error && h('span', { class: 'error' }, step.error)],
      ],
    }),
    h('div', { class: 'two' }, [
      h('div', null, h('h3', null, 'Input'), h(Json, { value: step.payload, name: `Input of ${step.name}` })),
      h(
        'div',
        null,
        h('h3', null, 'Output'),
        h(Json, { value: step.output, name: `Output of ${step.name}` }),
      ),
    ]),
  );
}
