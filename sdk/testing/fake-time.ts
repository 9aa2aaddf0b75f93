import type { Clock } from '../../engine/ports/clock.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Time that stands still until it is moved. */
export class FakeTime implements Clock {
  #now: number;

  constructor(start: Date) {
    this.#now = start.getTime();
  }

  now(): Date {
    return new Date(this.#now);
  }

  /** Nobody waits in a test. */
  sleep(): Promise<void> {
    return Promise.resolve();
  }

  move(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** `500ms`, `10s`, `5m`, `1h`, `7d`, or milliseconds. @throws RangeError for anything else */
export function milliseconds(duration: string | number): number {
  if (typeof duration === 'number') return duration;
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration) ?? [];
  const factor = UNIT_MS[unit];
  if (factor === undefined)
    throw new RangeError(`"${duration}" is not a duration. Write 500ms, 10s, 5m, 1h or 7d.`);
  return Number(amount) * factor;
}
