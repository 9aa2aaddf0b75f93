import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readTemplate } from '../../infra/service/template.ts';
import { documentedMetrics } from '../helpers/prometheus.ts';
import { ROOT } from './setup/tools.ts';

const folder = join(ROOT, 'infra/cloudformation');
const read = (name: string) => readFileSync(join(folder, `${name}.yml`), 'utf8');

interface Alarm {
  readonly Type: string;
  readonly Properties: { readonly AlarmDescription?: string; readonly AlarmActions?: readonly unknown[] };
}
const alarmsOf = (template: string) => {
  const resources: readonly [string, unknown][] = Object.entries(
    readTemplate(join(folder, `${template}.yml`)).Resources,
  );
  return (resources as readonly [string, Alarm][]).filter(
    ([, { Type }]) => Type === 'AWS::CloudWatch::Alarm',
  );
};
const alarms = ['alarms', 'alarms-relay', 'alarms-polling'].flatMap(alarmsOf);

test('there is an alarm for each way in which jobs can stop', () => {
  const names = ['alarms', 'alarms-relay'].flatMap(alarmsOf).map(([name]) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      'SlotLag',
      'RetainedLog',
      'LogBudget',
      'OutboxBacklog',
      'NoLeader',
      'TwoLeaders',
      'ConsumerLag',
      'DeadLetters',
      'WorkerFailures',
      'PublishErrors',
      'DatabaseDisk',
      'BrokerDisk',
    ]),
  );
});

test('an installation that polls has alarms of its own', () => {
  const names = ['alarms', 'alarms-polling'].flatMap(alarmsOf).map(([name]) => name);
  const ways = [
    'QueuedJobs',
    'NoWorkers',
    'DutiesFailed',
    'DutiesMissing',
    'DatabaseBusy',
    'DatabaseDisk',
    'DeadLetters',
  ];
  expect(names).toEqual(expect.arrayContaining([...ways, 'ApiErrors']));
});

test('the disk of each broker that is made is looked at', () => {
  const disk = JSON.stringify(alarmsOf('alarms-relay').find(([name]) => name === 'BrokerDisk'));
  const looked = [...disk.matchAll(/"Name":"Broker ID","Value":"(\d+)"/g)].map(([, id]) => Number(id));
  const [, made = ''] = /NumberOfBrokerNodes: (\d+)/.exec(read('broker-provisioned')) ?? [];
  expect(looked).toEqual(Array.from({ length: Number(made) }, (_, index) => index + 1));
  expect(looked).not.toHaveLength(0);
});

test('every alarm reaches somebody, and says where its entry in the runbooks is, which is there', () => {
  const runbooks = readFileSync(join(ROOT, 'docs/runbooks.md'), 'utf8');
  const headings = [...runbooks.matchAll(/^## (\w+)/gm)].map(([, name]) => name);
  for (const [name, { Properties }] of alarms) {
    expect(Properties.AlarmDescription).toContain(`docs/runbooks.md#${name.toLowerCase()}`);
    expect(Properties.AlarmActions).toEqual([{ Ref: expect.stringMatching(/^AlarmTopic(Arn)?$/) }]);
    expect(headings).toContain(name);
  }
  // An entry for an alarm that is gone would be looked for in vain.
  expect([...headings].sort()).toEqual(alarms.map(([name]) => name).sort());
});

test.each([
  { shownBy: 'relay', at: 'relay', templates: ['alarms', 'alarms-relay'], more: 6 },
  { shownBy: 'api', at: 'polling-workers', templates: ['alarms', 'alarms-polling'], more: 2 },
])(
  'what $templates and their dashboards look at is shown by the $at, and sent on by its collector',
  ({ shownBy, at, templates, more }) => {
    const shown = documentedMetrics()
      .filter(({ page }) => page === shownBy)
      .map(({ name }) => name);
    const text = templates.map(read).join('\n');
    const asked = new Set(
      text.match(/\b(?:workflow_engine_\w+|dead_letter_depth|queue_depth|worker_busy)\b/g),
    );
    expect(asked.size).toBeGreaterThan(more);
    expect([...asked].filter((name) => !shown.includes(name))).toEqual([]);

    const [, kept = ''] = /regex: '([^']+)', action: keep/.exec(read(at)) ?? [];
    expect([...asked].filter((name) => !new RegExp(`^(?:${kept})$`).test(name))).toEqual([]);
  },
);
