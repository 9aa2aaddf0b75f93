import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import yaml from 'js-yaml';
import { expect, test } from 'vitest';
import { sections } from '../../infra/dashboards/panels.ts';
import { describeKafka } from '../helpers/kafka.ts';
import { documentedMetrics } from '../helpers/prometheus.ts';
import { prometheusTool, startPrometheus } from '../helpers/prometheus-server.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { startApi } from '../int/functions/http/api.ts';
import { startObserved } from './observed-stack.ts';

const FOLDER = resolve(import.meta.dirname, '../../infra/dashboards');
const RULES = join(FOLDER, 'alerts.yml');
const run = promisify(execFile);

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

function ruleExpressions(): string[] {
  const { groups } = yaml.load(readFileSync(RULES, 'utf8')) as Rules;
  return groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
}

const panelExpressions = sections.flatMap(({ panels }) =>
  panels.flatMap(({ series }) =>
    series.map(({ expression }) => expression.replaceAll('$__rate_interval', '1m')),
  ),
);

/** Names of metrics, as opposed to functions and labels, in an expression. */
function metricsIn(expression: string): string[] {
  const words =
    expression.match(
      /\b(?:workflow_engine|jobs?|http|queue|dead_letter|worker|lock|up)(?:_\w+)?\b(?=[\s{[()]|$)/g,
    ) ?? [];
  return words.filter((word) => word === 'up' || word.includes('_'));
}

test('promtool finds the rules right, and each fires when it should', async () => {
  const { path: promtool } = await prometheusTool('promtool');
  await run(promtool, ['check', 'rules', RULES]);
  await run(promtool, ['test', 'rules', join(FOLDER, 'alerts.test.yml')]);
}, 120_000);

describeKafka('a real Prometheus', () => {
  const polling = startApi('polling');

  test('scrapes the running stack, and knows every metric that a panel or a rule names', async () => {
    await using stack = await startObserved('kafka_outbox');
    await stack.post('/api/v1/jobs', { type: 'noop', payload: {} });
    await polling.post('/api/v1/jobs', { type: 'noop', payload: {} });
    const targets = [
      { job: 'api', url: `${stack.apiUrl}/metrics` },
      { job: 'relay', url: stack.metricsUrl },
      { job: 'polling', url: `${polling.url}/metrics` },
    ];
    await using prometheus = await startPrometheus(targets, RULES);
    const query = <T>(expression: string) =>
      prometheus.ask<{ result: T[] }>(`/api/v1/query?query=${encodeURIComponent(expression)}`);
    await waitFor(async () => (await query('up == 1')).result.length === targets.length, {
      within: 30_000,
      what: 'every target to be scraped',
    });

    const expressions = [...panelExpressions, ...ruleExpressions()];
    const documented = new Set(documentedMetrics().map(({ name }) => name));
    for (const expression of expressions) {
      await query(expression);
      const metrics = metricsIn(expression);
      expect(metrics.length, expression).toBeGreaterThan(0);
      for (const metric of metrics) {
        const family = metric.replace(/_(?:bucket|count|sum)$/, '');
        expect(metric === 'up' || documented.has(metric) || documented.has(family), metric).toBe(true);
      }
    }
    const named = new Set(expressions.flatMap(metricsIn));
    await waitFor(
      async () => {
        const known = new Set(await prometheus.ask<string[]>('/api/v1/label/__name__/values'));
        const missing = [...named].filter((name) => !known.has(name));
        if (missing.length > 0) throw new Error(`never scraped: ${missing.join(', ')}`);
        return true;
      },
      { within: 30_000, what: 'every metric to be scraped' },
    );
    const rules = () => prometheus.ask<{ groups: { rules: { health: string }[] }[] }>('/api/v1/rules');
    const evaluated = await waitFor(
      async () => {
        const all = (await rules()).groups.flatMap((group) => group.rules);
        return all.every(({ health }) => health === 'ok') && all;
      },
      { within: 30_000, what: 'every rule to be evaluated' },
    );
    expect(evaluated).toHaveLength(ruleExpressions().length);
  }, 180_000);
});
