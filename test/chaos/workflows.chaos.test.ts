import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DispatchMode } from '../../engine/deps.ts';
import { describeKafka } from '../helpers/kafka.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { type Case, shapes } from './workflows/cases.ts';
import { definitions, STEPS_OF, upgraded } from './workflows/definitions.ts';
import { type Answer, Installation } from './workflows/installation.ts';
import { answerPeople } from './workflows/people.ts';

const INSTANCES = 40;
/** Of those that fail and are mended, and of those that are cancelled. */
const FEW = 8;
const MINUTE = 60_000;

interface Ended {
  readonly name: string;
  readonly key: string;
  readonly version: number;
  readonly status: string;
  readonly reason: string | null;
  readonly variables: { readonly n?: number };
  readonly steps: readonly string[];
}

function survives(mode: DispatchMode, victims: readonly string[]): void {
  const site = new Installation();
  beforeAll(() => site.start(mode), MINUTE);
  afterAll(() => site[Symbol.asyncDispose]());
  const { types } = site;
  const { definitions: more, cases } = shapes(types);

  test('every instance ends right, whatever is killed meanwhile', { timeout: 5 * MINUTE }, async () => {
    for (const definition of [...definitions(types), ...more]) {
      const { status, json } = await site.post('definitions', definition);
      expect(status, JSON.stringify(json)).toBe(201);
    }
    const starts = [...startsOf(cases), ...startsOfWholes()];
    const starting: Promise<Answer>[] = [];
    const people = answerPeople(site);
    const moved = () => site.count('select count(*) from workflow_history');
    // Some of everything before each kill, so that each of them interrupts all of it.
    for (const [wave, victim] of victims.entries()) {
      if (wave === 2) expect((await site.post('definitions', upgraded(types))).json['version']).toBe(2);
      const before = await moved();
      const now = starts.filter((_, index) => index % victims.length === wave);
      starting.push(...now.map((body) => site.post('workflows', body)));
      await waitFor(async () => (await moved()) >= before + 50, { within: MINUTE, what: 'progress' });
      await site.processes.get(victim)?.restart();
    }
    const started = await Promise.all(starting);
    expect(new Set(started.map(({ status }) => status))).toEqual(new Set([201]));
    const open = `select count(*) from workflow_instances
      where status in ('running', 'paused') or status = 'failed' and name = 'Mended'`;
    await waitFor(async () => (await site.count(open)) === 0, { within: 2 * MINUTE, what: 'all to end' });
    await people.stop();

    const rows = await endedOf(site);
    expectWholes(rows);
    expectCases(rows, cases);
    const oneKey = rows.filter(({ key }) => key === 'shared/0');
    const found = await site.get(`workflows?foreign_id=${encodeURIComponent('shared/0')}`);
    expect(found.json['workflows']).toHaveLength(oneKey.length);
    expect(oneKey.length).toBeGreaterThanOrEqual(2);
    expect(await site.count(`select count(*) from jobs where completed_at is null`)).toBe(0);
    expect(await site.count('select count(*) from workflow_messages')).toBe(0);
    expect(await site.count('select count(*) from workflow_user_tasks')).toBe(0);
  });
}

function startsOf(cases: readonly Case[]): object[] {
  return cases.flatMap(({ key, definition, input, copies, sharing = 1 }) =>
    Array.from({ length: copies }, (_, copy) => ({
      ...{ definition, input, foreign_id: `${key}/${Math.floor(copy / sharing)}` },
    })),
  );
}

function startsOfWholes(): object[] {
  const counts = { whole: INSTANCES, mended: FEW, stopped: FEW };
  return Object.entries(counts).flatMap(([definition, count]) =>
    Array.from({ length: count }, (_, n) => ({ definition, input: { n: 0 }, foreign_id: `key-${n}` })),
  );
}

async function endedOf(site: Installation): Promise<Ended[]> {
  const { rows } = await site.pool.query<Ended>(`
    select name, foreign_id as key, definition_version as version, status, failure_reason as reason, variables, array(
      select case status when 'fired' then step || ' fired' else step end
      from workflow_history h where h.instance_id = i.id
    ) as steps
    from workflow_instances i
  `);
  return rows.map((row) => ({ ...row, steps: [...row.steps].sort() }));
}

/** A start whose answer was lost is asked for again, and leaves two: there may be more of each than were wanted, and all must end right. */
function expectWholes(rows: readonly Ended[]): void {
  const named = (name: string) => rows.filter((row) => row.name === name);
  const wholes = named('Whole');
  expect(wholes.length).toBeGreaterThanOrEqual(INSTANCES);
  for (const name of ['Child', 'After']) expect(named(name)).toHaveLength(wholes.length);
  expect(named('Stopped').length).toBeGreaterThanOrEqual(FEW);
  for (const { status } of named('Stopped')) expect(['completed', 'cancelled']).toContain(status);
  const others = ['Whole', 'Child', 'After', 'Mended'].flatMap(named);
  expect(new Set(others.map(({ status }) => status))).toEqual(new Set(['completed']));
  expect(new Set(wholes.map(({ version }) => version))).toEqual(new Set([1, 2]));
  for (const { version, variables, steps } of wholes) {
    expect(steps).toEqual(STEPS_OF[version - 1]);
    expect(variables.n).toBe(5);
  }
  for (const { variables } of named('Mended')) expect(variables).toMatchObject({ mended: true, fine: true });
}

function expectCases(rows: readonly Ended[], cases: readonly Case[]): void {
  for (const { key, copies, ends } of cases) {
    const own = rows.filter((row) => row.key?.startsWith(`${key}/`));
    const names = Object.keys(ends);
    expect(own.length, key).toBeGreaterThanOrEqual(copies * names.length);
    for (const [name, { status, steps, variables, reason }] of Object.entries(ends)) {
      const ended = own.filter((row) => row.name === name);
      expect(ended, `${name} of ${key}`).toHaveLength(own.length / names.length);
      const told = reason === undefined ? null : saying(reason);
      for (const row of ended) expect(row, key).toMatchObject({ status, steps, variables, reason: told });
    }
  }
}

function saying(reason: string | RegExp): unknown {
  return typeof reason === 'string' ? expect.stringContaining(reason) : expect.stringMatching(reason);
}

describe('workflows in polling mode, with kill -9', () => {
  survives('polling', ['api', 'worker', 'api', 'worker', 'worker', 'api']);
});

describeKafka('workflows in kafka_outbox mode, with kill -9', () => {
  survives('kafka_outbox', ['relay', 'api', 'worker', 'relay', 'api', 'relay']);
});
