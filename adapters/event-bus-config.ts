import { type Environment, readChoice } from './env.ts';

export const eventBuses = ['kafka', 'pgchannel', 'nats'] as const;
/** What carries dispatched jobs from the relay to the workers. */
export type EventBusName = (typeof eventBuses)[number];

export function readEventBus(env: Environment, fallback: EventBusName = 'kafka'): EventBusName {
  return readChoice(env, 'WE_EVENT_BUS', eventBuses, fallback);
}
