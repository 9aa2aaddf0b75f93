import type { EventBus } from '../../../engine/ports/event-bus.ts';
import { backlogClauses } from './event-bus.backlog.clauses.ts';
import { deliveringClauses } from './event-bus.delivering.clauses.ts';
import { publishingClauses } from './event-bus.publishing.clauses.ts';
import { settlingClauses } from './event-bus.settling.clauses.ts';
import { type Clause, runClauses, type SuiteOptions, type UnderTest } from './suite.ts';

/** Two clients of one bus, as two processes would have. All is seen through the port itself. */
export interface BusUnderTest extends UnderTest {
  readonly buses: readonly [EventBus, EventBus];
  /** Of a payload that is refused; half of it is taken. */
  readonly tooLarge: number;
}

export type BusClause = Clause<BusUnderTest>;

/** In the order of the port's comment. */
export const eventBusClauses: readonly BusClause[] = [
  ...publishingClauses,
  ...deliveringClauses,
  ...settlingClauses,
  ...backlogClauses,
].sort((a, b) => a.number - b.number);

/** Holds an EventBus to its contract. */
export function eventBusSuite(name: string, options: SuiteOptions<BusUnderTest>): void {
  runClauses(`${name} as an EventBus`, eventBusClauses, options);
}
