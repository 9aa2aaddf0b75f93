import { isStepId, type StepId, type Topic } from './ids.ts';

const TOPIC_PREFIX = 'workflow.jobs.';
const GROUP_PREFIX = 'workflow.workers.';

/** The topic on which jobs of this step are dispatched. The only place where its name is built. */
export function jobTopic(step: StepId): Topic {
  return `${TOPIC_PREFIX}${step}` as Topic;
}

/** The consumer group whose members share the work of this step. */
export function workerGroup(step: StepId): string {
  return `${GROUP_PREFIX}${step}`;
}

/** The step a topic belongs to, or undefined for a topic that is not ours. */
export function stepOfTopic(topic: string): StepId | undefined {
  const step = topic.startsWith(TOPIC_PREFIX) ? topic.slice(TOPIC_PREFIX.length) : '';
  return isStepId(step) ? step : undefined;
}
