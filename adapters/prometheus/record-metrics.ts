import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  type RecordWatch,
  type StepResult,
  stepResults,
  timeoutResults,
} from '../../engine/records/record-parts.ts';

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900];

export interface RecordMetrics {
  readonly registry: Registry;
  readonly watch: RecordWatch;
  backlog(workflow: string, messages: number): void;
}

/** What a process that runs record workflows tells of itself; the names are public. */
export function createRecordMetrics(workflows: readonly string[]): RecordMetrics {
  const registry = new Registry();
  const registers = [registry];
  const steps = new Counter({
    ...{ name: 'workflow_record_steps_total', labelNames: ['workflow', 'result'] as const, registers },
    help: 'Events of record workflows handled by this process, by what came of them.',
  });
  const seconds = new Histogram({
    ...{ name: 'workflow_record_step_seconds', labelNames: ['workflow'] as const, registers },
    help: 'Time from the begin of a step to the end of its store, those that failed included.',
    buckets: BUCKETS,
  });
  const timeouts = new Counter({
    ...{ name: 'workflow_record_timeouts_total', labelNames: ['workflow', 'result'] as const, registers },
    help: 'Timeouts of record workflows that were due, by what came of them.',
  });
  const backlog = new Gauge({
    ...{ name: 'workflow_record_backlog', labelNames: ['workflow'] as const, registers },
    help: 'Events that the workflow has yet to be done with, those that wait for their next try included.',
  });
  // A series exists from the start, so that a rate over it is right for the first event.
  for (const workflow of workflows) {
    for (const result of stepResults) steps.inc({ workflow, result }, 0);
    for (const result of timeoutResults) timeouts.inc({ workflow, result }, 0);
  }
  const step = (workflow: string, result: StepResult, took: number): void => {
    steps.inc({ workflow, result });
    // Nothing was done.
    if (result !== 'passed_over') seconds.observe({ workflow }, took);
  };
  return {
    registry,
    watch: { step, timeout: (workflow, result) => timeouts.inc({ workflow, result }) },
    backlog: (workflow, messages) => backlog.set({ workflow }, messages),
  };
}
