import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyServiceTopics } from '../../cli/dev/service-topics.ts';
import type { DispatchMode } from '../../engine/deps.ts';
import type { StepId } from '../../events/ids.ts';
import { createDatabase, type TestDatabase } from '../helpers/database.ts';
import { describeKafka, kafkaBrokers } from '../helpers/kafka.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { Killable } from './killable.ts';

const INSTANCES = 40;
/** Of those that fail and are mended, and of those that are cancelled. */
const FEW = 8;
const MINUTE = 60_000;

/** A whole installation as processes of their own, each of which may be killed at any time. */
class Installation implements AsyncDisposable {
  readonly #own = randomBytes(4).toString('hex');
  readonly add = `add-${this.#own}` as StepId;
  readonly slow = `slow-${this.#own}` as StepId;
  readonly fragile = `fragile-${this.#own}` as StepId;
  readonly processes = new Map<string, Killable>();
  readonly #stack = new AsyncDisposableStack();
  #database: TestDatabase | undefined;
  #url = '';

  get pool() {
    if (!this.#database) throw new Error('it has not started');
    return this.#database.pool();
  }

  async start(mode: DispatchMode): Promise<void> {
    const database = this.#stack.use(await createDatabase());
    this.#database = database;
    const cwd = await mkdtemp(join(tmpdir(), 'millrace-chaos-'));
    this.#stack.defer(() => rm(cwd, { recursive: true, force: true }));
    await writeFile(join(cwd, 'millrace.config.ts'), this.#config());
    const env = this.#env(mode, database.dsn);
    if (mode === 'kafka_outbox') await applyServiceTopics(env, [this.add, this.slow, this.fragile]);
    const begin = async (name: string, command: readonly string[], more: Record<string, string>) => {
      const child = this.#stack.use(new Killable({ command, cwd, env: { ...env, ...more } }));
      this.processes.set(name, child);
      return child.start();
    };
    const { apiUrl: url = '' } = await begin('api', ['api'], { WE_HTTP_PORT: await freePort() });
    this.#url = url;
    if (mode === 'kafka_outbox') await begin('relay', ['relay'], {});
    const source = mode === 'polling' ? 'polling' : 'kafka';
    await begin('worker', ['worker', '--source', source], { WE_API_URL: url });
  }

  /** As a client that keeps trying while nobody answers. @returns the answer, whatever its status */
  async post(path: string, body: object): Promise<{ status: number; json: Record<string, unknown> }> {
    return waitFor(
      async () => {
        const init = { method: 'POST', body: JSON.stringify(body) };
        const answer = await fetch(`${this.#url}/api/v1/${path}`, init).catch(() => undefined);
        if (!answer || answer.status >= 500) return undefined;
        return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
      },
      { within: MINUTE, what: `an answer to POST ${path}` },
    );
  }

  async count(sql: string): Promise<number> {
    const { rows } = await this.pool.query<{ n: number }>(`select (${sql})::integer as n`);
    return rows[0]?.n ?? 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  #env(mode: DispatchMode, dsn: string): Record<string, string> {
    const common = { WE_POSTGRES_DSN: dsn, WE_DISPATCH_MODE: mode, WE_LEASE_SECONDS: '2' };
    if (mode === 'polling') return common;
    return {
      ...common,
      WE_KAFKA_TRANSPORT: 'plaintext',
      WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(','),
      WE_RELAY_SLOT: `test_${this.#own}`,
      WE_METRICS_PORT: '0',
    };
  }

  #config(): string {
    const sdk = pathToFileURL(join(import.meta.dirname, '..', '..', 'sdk', 'index.ts')).href;
    return `
import { defineConfig, defineJob, NonRetryableError } from ${JSON.stringify(sdk)};
export default defineConfig({ jobs: {
  ${JSON.stringify(this.add)}: defineJob(({ job }) => ({ n: job.payload.n + 1 })),
  ${JSON.stringify(this.slow)}: defineJob(async ({ job }) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return { [\`seen_\${job.payload.item ?? 'none'}\`]: true };
  }),
  ${JSON.stringify(this.fragile)}: defineJob(({ job }) => {
    if (!job.payload.mended) throw new NonRetryableError('it is broken');
    return { fine: true };
  }),
} });
`;
  }
}

async function freePort(): Promise<string> {
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return String(typeof address === 'object' ? address?.port : 0);
}

type Types = Pick<Installation, 'add' | 'slow' | 'fragile'>;

/** Everything that an instance can wait for: jobs, branches, a loop, a list, a child, timers, a person, a signal. */
function definitions({ add, slow, fragile }: Types) {
  const task = (id: string, jobType: string, nextStep: string, more: object = {}) => ({
    ...{ id, name: id, type: 'SERVICE_TASK', jobType, nextStep },
    ...{ retryCount: 20, retry: { base_ms: 50, max_ms: 200 }, ...more },
  });
  const end = { id: 'end', name: 'end', type: 'END' };
  const table = {
    hitPolicy: 'SUM',
    rules: [
      { when: ['ten > 10'], set: { fee: 5 } },
      { when: ['n > 1'], set: { fee: 2 } },
    ],
  };
  const late = { type: 'TIMER', duration: 'PT0.2S', interrupting: true, targetStepId: 'ask' };
  const child = { id: 'child', name: 'Child', steps: [task('inner', add, 'end'), end] };
  const chained = { id: 'after', name: 'After', steps: [task('last', add, 'end'), end] };
  const whole = {
    ...{ id: 'whole', name: 'Whole', autoStartNextWorkflow: true, nextWorkflowId: 'after' },
    steps: [
      {
        id: 'fork',
        name: 'fork',
        type: 'PARALLEL_GATEWAY',
        parallelNextSteps: ['a1', 'b1'],
        joinStep: 'join',
      },
      task('a1', slow, 'a2', { payload: { item: 'a1' } }),
      task('a2', slow, 'join', { payload: { item: 'a2' } }),
      task('b1', slow, 'join', {
        forEach: { items: '[1, 2, 3]', as: 'item', concurrency: 2 },
        output: 'list',
      }),
      { id: 'join', name: 'join', type: 'JOIN_GATEWAY', nextStep: 'again' },
      task('again', add, 'enough'),
      {
        id: 'enough',
        name: 'enough',
        type: 'DECISION',
        conditionalNextSteps: { 'n < 4': 'again', true: 'shape' },
      },
      {
        ...{ id: 'shape', name: 'shape', type: 'TRANSFORMATION', nextStep: 'rate' },
        transformations: { ten: '${n * 10}' },
      },
      { id: 'rate', name: 'rate', type: 'DECISION_TABLE', table, nextStep: 'sub' },
      { id: 'sub', name: 'sub', type: 'CHILD_WORKFLOW', workflowId: 'child', nextStep: 'rest' },
      { id: 'rest', name: 'rest', type: 'SLEEP', duration: 'PT0.1S', nextStep: 'wait' },
      { id: 'wait', name: 'wait', type: 'WAIT', nextStep: 'end', boundaryEvents: [late] },
      { id: 'ask', name: 'ask', type: 'USER_TASK', nextStep: 'go' },
      { id: 'go', name: 'go', type: 'WAIT', nextStep: 'end' },
      end,
    ],
  };
  const mended = { id: 'mended', name: 'Mended', steps: [task('try', fragile, 'end'), end] };
  const stopped = {
    ...{ id: 'stopped', name: 'Stopped' },
    steps: [task('s1', slow, 's2'), task('s2', slow, 's3'), task('s3', slow, 'end'), end],
  };
  return [child, chained, whole, mended, stopped];
}

/** The next version of the whole: those that run keep theirs. */
function upgraded(types: Types) {
  const [, , whole] = definitions(types);
  return {
    ...whole,
    steps: whole?.steps
      .filter(({ id }) => id !== 'rate')
      .map((step) => (step.id === 'shape' ? { ...step, nextStep: 'sub' } : step)),
  };
}

const STEPS = [
  ...[
    'fork',
    'a1',
    'a2',
    'b1',
    'join',
    'again',
    'enough',
    'again',
    'enough',
    'again',
    'enough',
    'again',
    'enough',
  ],
  ...['shape', 'rate', 'sub', 'rest', 'wait', 'ask', 'go', 'end'],
].sort();
/** By version. */
const STEPS_OF = [STEPS, STEPS.filter((step) => step !== 'rate')];

function survives(mode: DispatchMode, victims: readonly string[]): void {
  const site = new Installation();
  beforeAll(() => site.start(mode), MINUTE);
  afterAll(() => site[Symbol.asyncDispose]());

  test('every instance ends right, whatever is killed meanwhile', { timeout: 5 * MINUTE }, async () => {
    for (const definition of definitions(site)) {
      expect((await site.post('definitions', definition)).status).toBe(201);
    }
    const keys = Array.from({ length: INSTANCES }, (_, n) => `key-${n}`);
    const startAll = (definition: string, from: number, to: number) =>
      keys
        .slice(from, to)
        .map((foreign_id) => site.post('workflows', { definition, input: { n: 0 }, foreign_id }));
    const starting = [
      ...startAll('whole', 0, INSTANCES / 2),
      ...startAll('mended', 0, FEW),
      ...startAll('stopped', 0, FEW),
    ];
    const people = answerPeople(site);
    const moved = () => site.count('select count(*) from workflow_history');
    for (const [index, victim] of victims.entries()) {
      if (index === 2) {
        expect((await site.post('definitions', upgraded(site))).json['version']).toBe(2);
        starting.push(...startAll('whole', INSTANCES / 2, INSTANCES));
      }
      const before = await moved();
      await waitFor(async () => (await moved()) >= before + 30, { within: MINUTE, what: 'progress' });
      await site.processes.get(victim)?.restart();
    }
    const started = await Promise.all(starting);
    expect(new Set(started.map(({ status }) => status))).toEqual(new Set([201]));
    const open = `select count(*) from workflow_instances where status in ('running', 'paused', 'failed')`;
    await waitFor(async () => (await site.count(open)) === 0, { within: 2 * MINUTE, what: 'all to end' });
    await people.stop();

    const { rows } = await site.pool.query<{
      name: string;
      version: number;
      status: string;
      variables: { n: number };
      steps: string[];
    }>(`
      select name, definition_version as version, status, variables, array(
        select step from workflow_history h where h.instance_id = i.id and h.status <> 'fired' order by step
      ) as steps
      from workflow_instances i
    `);
    const wholes = rows.filter(({ name }) => name === 'Whole');
    // A start whose answer was lost is asked for again, and leaves two: both must end right.
    expect(wholes.length).toBeGreaterThanOrEqual(INSTANCES);
    for (const name of ['Child', 'After']) {
      expect(rows.filter((row) => row.name === name)).toHaveLength(wholes.length);
    }
    const stopped = rows.filter(({ name }) => name === 'Stopped');
    expect(stopped.length).toBeGreaterThanOrEqual(FEW);
    for (const { status } of stopped) expect(['completed', 'cancelled']).toContain(status);
    const others = rows.filter(({ name }) => name !== 'Stopped');
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set(['completed']));
    expect(new Set(wholes.map(({ version }) => version))).toEqual(new Set([1, 2]));
    for (const { version, variables, steps } of wholes) {
      expect(steps).toEqual(STEPS_OF[version - 1]);
      expect(variables.n).toBe(5);
    }
    for (const { variables } of rows.filter(({ name }) => name === 'Mended')) {
      expect(variables).toMatchObject({ mended: true, fine: true });
    }
    expect(await site.count(`select count(*) from jobs where completed_at is null`)).toBe(0);
    expect(await site.count('select count(*) from workflow_messages')).toBe(0);
    expect(await site.count('select count(*) from workflow_user_tasks')).toBe(0);
  });
}

/** Completes each task that is open, signals what waits, mends what failed, cancels what is to stop: more than once where an answer was lost. */
function answerPeople(site: Installation): { stop(): Promise<void> } {
  let isOver = false;
  const round = async () => {
    const { rows } = await site.pool.query<{ instance_id: string }>(
      'select instance_id from workflow_user_tasks',
    );
    for (const { instance_id } of rows) {
      const signal = { step: 'go', variables: { signalled: true } };
      const early = await site.post(`workflows/${instance_id}/signal`, signal);
      const task = await site.post(`workflows/${instance_id}/user-tasks/ask/complete`, {});
      expect([200, 409]).toContain(early.status);
      expect([200, 404, 409]).toContain(task.status);
    }
  };
  const mendAndStop = async () => {
    const { rows } = await site.pool.query<{ id: string; name: string }>(
      `select id, name from workflow_instances
       where name = 'Mended' and status = 'failed' or name = 'Stopped' and status = 'running' and current_step > 0`,
    );
    for (const { id, name } of rows) {
      const change = name === 'Stopped' ? 'cancel' : 'steps/try/retry';
      const { status } = await site.post(`workflows/${id}/${change}`, {
        ...(name === 'Mended' && { variables: { mended: true } }),
      });
      expect([200, 409]).toContain(status);
    }
  };
  const running = (async () => {
    while (!isOver)
      await Promise.all([round(), mendAndStop(), new Promise((resolve) => setTimeout(resolve, 50))]);
  })();
  return {
    async stop() {
      isOver = true;
      await running;
    },
  };
}

describe('workflows in polling mode, with kill -9', () => {
  survives('polling', ['api', 'worker', 'api', 'worker', 'worker', 'api']);
});

describeKafka('workflows in kafka_outbox mode, with kill -9', () => {
  survives('kafka_outbox', ['relay', 'api', 'worker', 'relay', 'api', 'relay']);
});
