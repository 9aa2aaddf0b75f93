import { h } from 'preact';
import { pathWith, type Query, send } from './api.ts';
import { ask } from './dialog.ts';
import { useLive } from './live.ts';
import { Loaded, Page, Pager, Table, When } from './parts.ts';
import type { Job, Schedule, SchedulePage } from './shapes.ts';

export function SchedulesPage({ query }: { query: Query }) {
  const live = useLive<SchedulePage>(pathWith('/api/v1/schedules', { limit: '100', ...query }));
  return h(
    Page,
    { title: 'Schedules' },
    h(Loaded<SchedulePage>, {
      live,
      show: ({ schedules, next_cursor }) => [
        h(Table<Schedule>, {
          caption: 'Schedules by name',
          rows: schedules,
          keyOf: ({ name }) => name,
          empty: 'No schedules. Declare one in millrace.config.ts, or POST /api/v1/schedules.',
          columns: [
            { name: 'Name', cell: ({ name }) => name },
            { name: 'Type', cell: ({ type }) => type },
            { name: 'When', cell: ({ cron, time_zone }) => [h('code', null, cron), ` ${time_zone}`] },
            {
              name: 'Next',
              cell: ({ enabled, next_run_at }) =>
                enabled ? h(When, { at: next_run_at }) : h('span', { class: 'muted' }, 'paused'),
            },
            { name: 'Last', cell: ({ last_run_at }) => h(When, { at: last_run_at }) },
            { name: 'Actions', cell: (schedule) => h(Actions, { schedule, done: live.reload }) },
          ],
        }),
        h(Pager, { page: 'schedules', query, next: next_cursor }),
      ],
    }),
  );
}

function Actions({ schedule, done }: { schedule: Schedule; done: () => void }) {
  const { name, enabled } = schedule;
  const turn = enabled ? 'Pause' : 'Resume';
  return h(
    'div',
    { class: 'buttons' },
    h(
      'button',
      { type: 'button', 'aria-label': `${turn}: ${name}`, onClick: () => askTurn(schedule, done) },
      turn,
    ),
    h(
      'button',
      { type: 'button', 'aria-label': `Run now: ${name}`, onClick: () => askRun(schedule, done) },
      'Run now',
    ),
  );
}

function askTurn({ name, enabled }: Schedule, done: () => void): void {
  ask({
    title: enabled ? 'Pause this schedule?' : 'Resume this schedule?',
    body: h(
      'p',
      null,
      enabled
        ? `${name} enqueues nothing until it is resumed.`
        : `${name} is due next after now; the ticks of the pause are not made up for.`,
    ),
    verb: enabled ? 'Pause' : 'Resume',
    act: async ({ actor }) => {
      await send<Schedule>('PATCH', pathOf(name), { enabled: !enabled, actor });
      done();
      return `Schedule ${name} is ${enabled ? 'paused' : 'on'}.`;
    },
  });
}

function askRun({ name, type }: Schedule, done: () => void): void {
  ask({
    title: 'Run this schedule now?',
    body: h('p', null, `One job of type ${type} is enqueued now, besides the ticks of ${name}.`),
    verb: 'Run now',
    act: async ({ actor }) => {
      const { id } = await send<Job>('POST', `${pathOf(name)}/run`, { actor });
      done();
      return `Job ${id} is enqueued.`;
    },
  });
}

function pathOf(name: string): string {
  return `/api/v1/schedules/${encodeURIComponent(name)}`;
}
