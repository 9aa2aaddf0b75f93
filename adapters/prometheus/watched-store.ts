import { Counter, Histogram, type Registry } from 'prom-client';
import type { AuditEntry, CommitUnit, InstanceChange, NewInstance } from '../../engine/commit.ts';
import type { DispatchMode } from '../../engine/deps.ts';
import type { CommitOutcome, RecordStore } from '../../engine/ports/record-store.ts';
import type { HistoryEntry } from '../../engine/workflow/effects.ts';
import type { InstanceStatus } from '../../engine/workflow/state.ts';
import { isOver } from '../../engine/workflow-ends.ts';

/**
 * Counts what is written through a store, under the names that the Rochallor engine gave its metrics: what that engine declares
 * and never counts is counted here. @returns what makes of a store the same store, watched
 */
export function createStoreWatch(
  mode: DispatchMode,
  registry: Registry,
): (store: RecordStore) => RecordStore {
  const counts = createCounts(registry);
  const polls = mode === 'polling' ? createPollMetrics(registry) : undefined;
  return (store) => ({
    ...store,
    async putDefinition(definition) {
      const stored = await store.putDefinition(definition);
      counts.uploaded.inc();
      return stored;
    },
    async start(instances) {
      const end = startTimer();
      await store.start(instances);
      const seconds = end();
      for (const instance of instances) {
        counts.begun(instance);
        counts.transaction.observe({ tx_type: 'instance.start' }, seconds);
      }
    },
    async commit(commit) {
      const end = startTimer();
      const outcomes = await store.commit(commit);
      const seconds = end();
      for (const [index, unit] of commit.units.entries()) {
        counts.applied(unit, { outcome: outcomes[index], seconds });
        if (outcomes[index] === 'conflict') polls?.conflicts.inc();
      }
      return outcomes;
    },
    async poll(request) {
      const end = startTimer();
      const jobs = await store.poll(request);
      const seconds = end();
      polls?.latency.observe(seconds);
      if (polls) counts.lockWait.observe({ operation: 'job.poll_skip_locked' }, seconds);
      return jobs;
    },
  });
}

function startTimer(): () => number {
  const start = performance.now();
  return () => (performance.now() - start) / 1000;
}

const BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

function createPollMetrics(registry: Registry) {
  const registers = [registry];
  return {
    latency: new Histogram({
      name: 'job_poll_latency_seconds',
      help: 'Time a poll for jobs took in the database.',
      buckets: BUCKETS,
      registers,
    }),
    conflicts: new Counter({
      name: 'job_lock_conflicts_total',
      help: 'Changes that lost to another change of the same job or instance, and were decided anew.',
      registers,
    }),
  };
}

interface Write {
  readonly outcome: CommitOutcome | undefined;
  readonly seconds: number;
}

function createCounts(registry: Registry) {
  const families = createFamilies(registry);
  const { started, ended, steps, retries, timeouts, transaction, lockWait } = families;
  const wrote = ({ status, history }: { status: InstanceStatus; history: readonly HistoryEntry[] }) => {
    for (const { type } of history) if (type !== 'TIMER') steps.inc({ step_type: type });
    if (isOver(status)) ended.inc({ outcome: status });
  };
  const begun = (instance: NewInstance) => {
    started.inc();
    wrote(instance);
  };
  return {
    ...families,
    begun,
    applied(unit: CommitUnit, { outcome, seconds }: Write) {
      if (unit.instance) lockWait.observe({ operation: 'instance.for_update' }, seconds);
      if (outcome !== 'applied') return;
      for (const instance of unit.start ?? []) begun(instance);
      if (unit.job?.status === 'retrying') retries.inc();
      if (unit.audit.some(isTimeout)) timeouts.inc();
      if (!unit.instance) return;
      // One that is over and is written again (a message to it is taken away) has not ended again.
      wrote(unit.instance.ended ? unit.instance : { ...unit.instance, status: 'running' });
      const type = transactionType(unit, unit.instance);
      if (type) transaction.observe({ tx_type: type }, seconds);
    },
  };
}

function isTimeout({ action }: AuditEntry): boolean {
  return action === 'LEASE_EXPIRED';
}

/** By what the change did: one statement may write many of several kinds. */
function transactionType({ job }: CommitUnit, { history }: InstanceChange): string | undefined {
  if (job) return job.status === 'completed' ? 'instance.complete_job' : undefined;
  if (history.some(({ status }) => status === 'interrupted')) return 'instance.interrupt_boundary';
  if (history.some(({ status }) => status === 'fired')) return 'instance.dispatch_boundary';
  const [first] = history;
  if (first?.status !== 'completed') return undefined;
  if (first.type === 'USER_TASK') return 'instance.complete_user_task';
  return first.type === 'WAIT' ? 'instance.signal_wait' : undefined;
}

function createFamilies(registry: Registry) {
  const registers = [registry];
  return {
    uploaded: new Counter({
      name: 'workflow_definitions_uploaded_total',
      help: 'Uploads of workflow definitions, also of one that was known.',
      registers,
    }),
    started: new Counter({
      name: 'workflow_instances_started_total',
      help: 'Workflow instances started.',
      registers,
    }),
    ended: new Counter({
      name: 'workflow_instances_completed_total',
      help: 'Workflow instances that came to an end, by outcome: completed, failed or cancelled.',
      labelNames: ['outcome'],
      registers,
    }),
    steps: new Counter({
      name: 'workflow_steps_executed_total',
      help: 'Steps of workflows that came to an end, by type.',
      labelNames: ['step_type'],
      registers,
    }),
    retries: new Counter({
      name: 'job_retries_total',
      help: 'Failed attempts of jobs that are followed by another.',
      registers,
    }),
    timeouts: new Counter({
      name: 'engine_job_timeout_total',
      help: 'Leases that ran out without a result.',
      registers,
    }),
    transaction: new Histogram({
      name: 'engine_db_transaction_duration_seconds',
      help: 'Time of the transaction that wrote a change of an instance, by what changed it.',
      labelNames: ['tx_type'],
      buckets: BUCKETS,
      registers,
    }),
    lockWait: new Histogram({
      name: 'engine_db_lock_wait_duration_seconds',
      help: 'Time of a statement that takes rows for itself, waiting for locks included.',
      labelNames: ['operation'],
      buckets: BUCKETS,
      registers,
    }),
  };
}
