import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readTemplate } from '../../infra/service/template.ts';
import { documentedMetrics } from '../helpers/prometheus.ts';
import { ROOT } from './setup/tools.ts';

const template = readTemplate(join(ROOT, 'infra/cloudformation/alarms.yml'));
const text = readFileSync(join(ROOT, 'infra/cloudformation/alarms.yml'), 'utf8');

interface Alarm {
  readonly Type: string;
  readonly Properties: { readonly AlarmDescription?: string; readonly AlarmActions?: readonly unknown[] };
}
const resources: readonly [string, unknown][] = Object.entries(template.Resources);
const alarms = (resources as readonly [string, Alarm][]).filter(
  ([, { Type }]) => Type === 'AWS::CloudWatch::Alarm',
);

test('there is an alarm for each way in which jobs can stop', () => {
  const names = alarms.map(([name]) => name);
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

test('every alarm reaches somebody, and says where its entry in the runbooks is, which is there', () => {
  const runbooks = readFileSync(join(ROOT, 'docs/runbooks.md'), 'utf8');
  const headings = [...runbooks.matchAll(/^## (\w+)/gm)].map(([, name]) => name);
  for (const [name, { Properties }] of alarms) {
    expect(Properties.AlarmDescription).toContain(`docs/runbooks.md#${name.toLowerCase()}`);
    expect(Properties.AlarmActions).toEqual([{ Ref: 'AlarmTopic' }]);
    expect(headings).toContain(name);
  }
  // An entry for an alarm that is gone would be looked for in vain.
  expect([...headings].sort()).toEqual(alarms.map(([name]) => name).sort());
});

test('what alarms and the dashboard look at is shown by the relay, and sent on by its collector', () => {
  const shown = documentedMetrics()
    .filter(({ page }) => page === 'relay')
    .map(({ name }) => name);
  const asked = new Set(text.match(/\b(?:workflow_engine_\w+|dead_letter_depth)\b/g));
  expect(asked.size).toBeGreaterThan(6);
  expect([...asked].filter((name) => !shown.includes(name))).toEqual([]);

  const relay = readFileSync(join(ROOT, 'infra/cloudformation/relay.yml'), 'utf8');
  const [, kept = ''] = /regex: '([^']+)', action: keep/.exec(relay) ?? [];
  expect([...asked].filter((name) => !new RegExp(`^(?:${kept})$`).test(name))).toEqual([]);
});
