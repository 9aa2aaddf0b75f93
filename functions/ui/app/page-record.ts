import { h } from 'preact';
import { send } from './api.ts';
import { ask } from './dialog.ts';
import { type Live, useLive } from './live.ts';
import { Card, Facts, Json, Loaded, Page, Status, When } from './parts.ts';
import type { RunRecord } from './shapes.ts';

type Change = 'pause' | 'resume' | 'cancel';

const CHANGES: Readonly<Record<Change, { verb: string; says: string; from: readonly string[] }>> = {
  pause: {
    verb: 'Pause',
    says: 'Nothing works on it until it is resumed; a step under way counts for nothing.',
    from: ['initiated', 'running'],
  },
  resume: { verb: 'Resume', says: 'It goes on where it is, its errors counted anew.', from: ['paused'] },
  cancel: {
    verb: 'Cancel',
    says: 'It ends where it is, and cannot be brought back.',
    from: ['initiated', 'running', 'paused'],
  },
};

export function RecordPage({ id }: { id: string }) {
  const live = useLive<RunRecord>(pathOf(id));
  return h(
    Page,
    { title: 'Workflow record', actions: live.data && h(Actions, { live, record: live.data }) },
    h(Loaded<RunRecord>, { live, show: (record) => h(Shown, { record }) }),
  );
}

function Shown({ record }: { record: RunRecord }) {
  const { object, object_base64 } = record;
  return h(
    'div',
    null,
    h(Facts, {
      facts: [
        ['State', h(Status, { status: record.run_state })],
        ['Workflow', record.workflow],
        ['Foreign id', record.foreign_id],
        ['Status', String(record.status)],
        ['Reason', record.reason],
        ['Version', String(record.version)],
        ['Run', h('code', null, record.run_id)],
        ['Created', h(When, { at: record.created_at })],
        ['Updated', h(When, { at: record.updated_at })],
      ],
    }),
    h(
      Card,
      { title: object_base64 === null ? 'Data' : 'Data, which is not JSON, in base64' },
      h(Json, { value: object_base64 ?? object, name: 'Data' }),
    ),
  );
}

function Actions({ live, record }: { live: Live<RunRecord>; record: RunRecord }) {
  const possible = (Object.keys(CHANGES) as Change[]).filter((change) =>
    CHANGES[change].from.includes(record.run_state),
  );
  return possible.map((change) =>
    h(
      'button',
      {
        type: 'button',
        class: change === 'cancel' ? 'danger' : '',
        onClick: () => askChange(change, record, live.reload),
      },
      CHANGES[change].verb,
    ),
  );
}

function askChange(change: Change, { run_id, workflow, foreign_id }: RunRecord, done: () => void): void {
  const { verb, says } = CHANGES[change];
  ask({
    title: `${verb} this run?`,
    body: h('p', null, `${workflow} for ${foreign_id}: ${says}`),
    verb,
    danger: change === 'cancel',
    asksReason: true,
    act: async (by) => {
      const { run_state } = await send<RunRecord>('POST', `${pathOf(run_id)}/${change}`, by);
      done();
      return `The run is ${run_state}.`;
    },
  });
}

function pathOf(id: string): string {
  return `/api/v1/records/${encodeURIComponent(id)}`;
}
