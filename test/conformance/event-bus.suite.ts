import { describe, it } from 'vitest';
import type { EventBus } from '../../engine/ports/event-bus.ts';
import { deliveringClauses } from './event-bus.delivering.clauses.ts';
import { publishingClauses } from './event-bus.publishing.clauses.ts';
import { settlingClauses } from './event-bus.settling.clauses.ts';

/** Two clients of one bus, as two processes would have. All is seen through the port itself. */
export interface BusUnderTest extends AsyncDisposable {
  readonly buses: readonly [EventBus, EventBus];
  /** Of a payload that is refused; half of it is taken. */
  readonly tooLarge: number;
  /** How long what must happen may take, in milliseconds. */
  readonly within: number;
}

export interface BusClause {
  readonly number: number;
  readonly title: string;
  readonly checks: Readonly<Record<string, (subject: BusUnderTest) => Promise<void>>>;
}

/** In the order of the port's comment. */
export const busClauses: readonly BusClause[] = [
  ...publishingClauses,
  ...deliveringClauses,
  ...settlingClauses,
].sort((a, b) => a.number - b.number);

/** Runs every clause against an implementation. */
export function testEventBus(name: string, open: () => Promise<BusUnderTest>): void {
  describe(`${name} as an EventBus`, () => {
    for (const { number, title, checks } of busClauses) {
      describe(`${number}. ${title}`, () => {
        for (const [sentence, check] of Object.entries(checks)) {
          it(sentence, async () => {
            await using subject = await open();
            await check(subject);
          });
        }
      });
    }
  });
}

/** The numbers of the clauses that a bus breaks. */
export async function brokenBusClauses(open: () => Promise<BusUnderTest>): Promise<number[]> {
  const results = await Promise.all(
    busClauses.flatMap(({ number, checks }) =>
      Object.values(checks).map(async (check) => {
        await using subject = await open();
        return check(subject).then(
          () => [],
          () => [number],
        );
      }),
    ),
  );
  return [...new Set(results.flat())].sort((a, b) => a - b);
}
