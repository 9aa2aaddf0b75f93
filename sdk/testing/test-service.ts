/** Runs a service in memory, with a clock that the test moves. */
import { randomUUID } from 'node:crypto';
import { MemoryRecordStore } from '../../adapters/memory/record-store.ts';
import { createEngineDeps } from '../../adapters/system/engine-deps.ts';
import { changeWorkflow } from '../../engine/commands/change-workflow.ts';
import { enqueueJob } from '../../engine/commands/enqueue-jobs.ts';
import { syncSchedules } from '../../engine/commands/schedules.ts';
import { startWorkflow } from '../../engine/commands/start-workflow.ts';
import { uploadDefinition } from '../../engine/commands/upload-definition.ts';
import type { EngineDeps } from '../../engine/deps.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { advanceDueInstances } from '../../engine/roles/due-instances.ts';
import { queueDueJobs } from '../../engine/roles/due-jobs.ts';
import { tickSchedules } from '../../engine/roles/schedule-ticks.ts';
import { readVariables } from '../../engine/workflow/variables.ts';
import type { InstanceId, JobId, StepId } from '../../events/ids.ts';
import type { JobHandlers, PayloadOf, ResultOf, ServiceConfig } from '../define.ts';
import { toSchedules } from '../schedules.ts';
import { FakeTime, milliseconds } from './fake-time.ts';
import { runJob } from './run-job.ts';

export interface TestJob<Result = unknown> {
  readonly status: string;
  readonly attempt: number;
  readonly result: Result | null;
  readonly lastError: string | null;
}

export interface TestWorkflow {
  readonly status: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly failureReason: string | null;
  /** The jobs of its steps, in the order in which they began. */
  readonly jobs: readonly (TestJob & { readonly type: string })[];
}

/**
 * The rules of the engine itself over a store in memory: retries, timers, branches and compensations happen as they would,
 * and no time passes but what `advance` lets pass.
 */
export class TestService<Handlers extends JobHandlers> {
  readonly #config: ServiceConfig<Handlers>;
  readonly #time: FakeTime;
  readonly #store: MemoryRecordStore;
  readonly #deps: EngineDeps;
  #prepared: Promise<void> | undefined;

  constructor(config: ServiceConfig<Handlers>, options: { readonly now?: Date } = {}) {
    this.#config = config;
    this.#time = new FakeTime(options.now ?? new Date('2026-01-01T00:00:00Z'));
    this.#store = new MemoryRecordStore(this.#time);
    const policyOf = (type: StepId) => config.jobs[type]?.policy;
    // In the middle of the jitter: a delay is what the policy says.
    this.#deps = {
      ...createEngineDeps(this.#store, 'polling'),
      clock: this.#time,
      random: () => 0.5,
      policyOf,
    };
  }

  get now(): Date {
    return this.#time.now();
  }

  async enqueue<Type extends Extract<keyof Handlers, string>>(
    type: Type,
    payload: [PayloadOf<Handlers[Type]>] extends [never] ? unknown : PayloadOf<Handlers[Type]>,
    options: { readonly maxRetries?: number; readonly runAt?: Date; readonly idempotencyKey?: string } = {},
  ): Promise<string> {
    await this.#prepare();
    const request = {
      type: type as string as StepId,
      payload: JSON.stringify(payload ?? null),
      maxRetries: 3,
      ...options,
    };
    return (await enqueueJob(this.#deps, request)).job.id;
  }

  /** Starts a workflow of the service. */
  async start(definition: string, input: Readonly<Record<string, unknown>> = {}): Promise<string> {
    await this.#prepare();
    const outcome = await startWorkflow(this.#deps, { definition, input: JSON.stringify(input) });
    if (outcome.kind === 'started') return outcome.instance.id;
    const reason = outcome.kind === 'bad_input' ? outcome.reason : 'the service has no such workflow';
    throw new Error(`Workflow "${definition}" cannot start: ${reason}.`);
  }

  async signal(id: string, step: string, variables: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const event = { kind: 'signalled', step, variables: readVariables(JSON.stringify(variables)) } as const;
    const outcome = await changeWorkflow(this.#deps, id as InstanceId, {
      actor: 'test',
      reason: undefined,
      event,
    });
    if (outcome.kind === 'refused') throw new Error(outcome.reason);
  }

  /** Runs all that can run now, and what that leads to, until there is nothing left but to wait. */
  async settle(): Promise<void> {
    await this.#prepare();
    for (;;) {
      const moved =
        (await advanceDueInstances(this.#deps, LOT)) +
        (await queueDueJobs(this.#deps, LOT)) +
        (await tickSchedules(this.#deps, LOT, silentLogger));
      const jobs = await this.#store.poll({
        types: Object.keys(this.#config.jobs) as StepId[],
        limit: LOT,
        payloadBytes: Number.MAX_SAFE_INTEGER,
        workerId: 'test',
        leaseMs: LEASE_MS,
        claimId: randomUUID(),
      });
      for (const job of jobs) await runJob(this.#deps, job, this.#config.jobs);
      if (moved === 0 && jobs.length === 0) return;
    }
  }

  /** Lets time pass, running what becomes due on the way at its moment. */
  async advance(duration: string | number): Promise<void> {
    let left = milliseconds(duration);
    await this.settle();
    for (;;) {
      const due = [
        await this.#store.nextDueMs(),
        await this.#store.nextInstanceDueMs(),
        await this.#store.schedules.nextTickMs(),
      ];
      const next = Math.max(1, Math.min(...due.map((ms) => ms ?? Number.POSITIVE_INFINITY)));
      const step = Math.min(left, next);
      this.#time.move(step);
      left -= step;
      await this.settle();
      if (left <= 0) return;
    }
  }

  /** The jobs of a type, oldest first: also those that schedules and workflows have begun. */
  async jobsOf(type: Extract<keyof Handlers, string>): Promise<readonly TestJob[]> {
    const jobs = await this.#store.listJobs({ type: type as string as StepId, limit: LOT });
    return jobs.reverse().map(({ status, attempt, lastError, result }) => ({
      status,
      attempt,
      lastError,
      result: parsed(result),
    }));
  }

  async job<Type extends Extract<keyof Handlers, string>>(
    id: string,
    _type?: Type,
  ): Promise<TestJob<ResultOf<Handlers[Type]>>> {
    const [job] = await this.#store.getJobs([id as JobId]);
    if (!job) throw new Error(`There is no job ${id} in this test.`);
    return { status: job.status, attempt: job.attempt, lastError: job.lastError, result: parsed(job.result) };
  }

  async workflow(id: string): Promise<TestWorkflow> {
    const detail = await this.#store.getInstance(id as InstanceId);
    if (!detail) throw new Error(`There is no workflow ${id} in this test.`);
    const { status, variables, failureReason } = detail.instance;
    return {
      status,
      failureReason,
      variables: parsed(variables) ?? {},
      jobs: detail.jobs.map(({ type, status, attempt, lastError, result }) => ({
        ...{ type, status, attempt, lastError },
        result: parsed(result),
      })),
    };
  }

  #prepare(): Promise<void> {
    this.#prepared ??= this.#register();
    return this.#prepared;
  }

  async #register(): Promise<void> {
    await this.#store.registerTypes(Object.keys(this.#config.jobs) as StepId[]);
    for (const workflow of this.#config.workflows ?? []) {
      const outcome = await uploadDefinition(this.#deps, JSON.stringify(workflow));
      if (outcome.kind === 'invalid') throw new Error(outcome.faults.join('\n'));
    }
    const declared = toSchedules(this.#config.schedules);
    await syncSchedules(this.#deps, { types: Object.keys(this.#config.jobs), declared });
  }
}

const LOT = 1_000;
const LEASE_MS = 12 * 3_600_000;

/** What the handlers and the engine wrote themselves. */
function parsed<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}
