import { h } from 'preact';
import { send } from './api.ts';
import { ask } from './dialog.ts';
import { useFeature } from './features.ts';
import { duration, time } from './format.ts';
import { useLive } from './live.ts';
import { Card, Facts, IdLink, Json, Loaded, Page, Status } from './parts.ts';
import type { Workflow } from './shapes.ts';

export function WorkflowPage({ id }: { id: string }) {
  const live = useLive<Workflow>(`/api/v1/workflows/${encodeURIComponent(id)}`);
  const cancel =
    live.data?.status === 'running' &&
    h(
      'button',
      { type: 'button', class: 'danger', onClick: () => askCancel(id, live.reload) },
      'Cancel workflow',
    );
  return h(Page, { title: 'Workflow', actions: cancel }, [
    h('p', { class: 'id' }, id),
    h(Loaded<Workflow>, { live, show: (workflow) => h(Detail, { workflow }) }),
  ]);
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
