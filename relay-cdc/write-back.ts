import type { Clock } from '../engine/ports/clock.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { RelayMetrics } from './metrics.ts';
import type { PublishedRow } from './published.ts';
import { atMost } from './waiting.ts';

export interface WriteBackDeps {
  /** Clears the rows and writes their audit. @returns rows that were not there */
  readonly clear: (rows: readonly PublishedRow[]) => Promise<readonly bigint[]>;
  /** Published messages that may wait to be cleared before publishing waits for them. */
  readonly maxMessages: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RelayMetrics;
}

const MAX_ROWS = 1_000;
const MAX_MESSAGES = 5_000;
const MAX_PAUSE_MS = 5_000;
/**
 * When to look again for a row that was not there. A commit that waits for a synchronous standby is in the log before
 * anybody can see its rows; a row that is still not there after the last try was cleared by an earlier leader.
 */
const LOOK_AGAIN_MS = [20, 200, 1_000, 5_000, 30_000];
const SETTLE_PAUSE_MS = 20;
const MAX_MISSING = 50_000;

interface MissingRow {
  readonly row: PublishedRow;
  tries: number;
  dueAt: number;
}

/**
 * Clears the outbox behind the publisher, a thousand rows a statement, one statement at a time. Neither publishing nor
 * confirming waits for it until too much has piled up: a row that a crash leaves uncleared is found and published again.
 */
export class WriteBack {
  readonly #deps: WriteBackDeps;
  readonly #abort = new AbortController();
  #queue: PublishedRow[] = [];
  #messages = 0;
  #addedRows = 0;
  #doneRows = 0;
  #missing = new Map<bigint, MissingRow>();
  #running: Promise<void> | undefined;
  #waiters: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: WriteBackDeps) {
    this.#deps = deps;
  }

  /** Whether the row was published in this term and waits to be cleared. */
  isPending(id: bigint): boolean {
    return this.#missing.has(id) || this.#queue.some((row) => row.id === id);
  }

  /** Takes published rows over. Resolves when there is room for more. */
  async add(rows: readonly PublishedRow[]): Promise<void> {
    for (const row of rows) this.#push(row);
    this.#deps.metrics.uncleared(this.#messages);
    this.#start();
    while (this.#messages > this.#deps.maxMessages && !this.#abort.signal.aborted) await this.#progress();
  }

  /** Resolves when everything added before has been cleared, or looked for in vain; or when closed. */
  async flush(): Promise<void> {
    const target = this.#addedRows;
    while (this.#doneRows < target && !this.#abort.signal.aborted) await this.#progress();
  }

  /**
   * Flushes, and looks for the rows that were not there until there are none or the time is up: the next leader would
   * publish them again.
   */
  async settle(deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    await this.flush();
    while (this.#missing.size > 0 && performance.now() < deadline && !this.#abort.signal.aborted) {
      await this.#deps.clock.sleep(SETTLE_PAUSE_MS, this.#abort.signal);
      for (const missing of this.#missing.values()) Object.assign(missing, { tries: 0, dueAt: 0 });
      this.#lookAgain();
      await this.flush();
    }
  }

  /** Flushes for at most this long, then lets go. Safe to call twice. */
  async close(deadlineMs: number): Promise<void> {
    await atMost(this.flush(), deadlineMs, this.#deps.clock);
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#wake();
  }

  #push(row: PublishedRow): void {
    this.#queue.push(row);
    this.#messages += row.jobs;
    this.#addedRows += 1;
  }

  #start(): void {
    if (this.#abort.signal.aborted || this.#queue.length === 0) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (this.#queue.length > 0 && !this.#abort.signal.aborted) {
      const count = fitting(this.#queue);
      const rows = this.#queue.slice(0, count);
      try {
        this.#note(rows, await this.#deps.clear(rows));
        failures = 0;
      } catch (error) {
        failures += 1;
        this.#deps.logger.error('clearing published rows from the outbox failed and will be tried again', {
          rows: rows.length,
          failures,
          error,
        });
        await this.#deps.clock.sleep(Math.min(100 * 2 ** failures, MAX_PAUSE_MS), this.#abort.signal);
        continue;
      }
      this.#queue = this.#queue.slice(count);
      this.#doneRows += count;
      for (const { jobs } of rows) this.#messages -= jobs;
      this.#deps.metrics.uncleared(this.#messages);
      this.#wake();
    }
  }

  #note(rows: readonly PublishedRow[], missing: readonly bigint[]): void {
    const absent = new Set(missing);
    for (const row of rows) {
      const known = this.#missing.get(row.id);
      this.#missing.delete(row.id);
      const tries = (known?.tries ?? 0) + 1;
      const pause = LOOK_AGAIN_MS[tries - 1];
      if (!absent.has(row.id) || pause === undefined || this.#missing.size >= MAX_MISSING) continue;
      this.#missing.set(row.id, { row, tries, dueAt: performance.now() + pause });
    }
    this.#planLook();
  }

  #planLook(): void {
    clearTimeout(this.#timer);
    let next = Number.POSITIVE_INFINITY;
    for (const { dueAt } of this.#missing.values()) next = Math.min(next, dueAt);
    if (next === Number.POSITIVE_INFINITY || this.#abort.signal.aborted) return;
    this.#timer = setTimeout(() => this.#lookAgain(), Math.max(1, next - performance.now()));
  }

  #lookAgain(): void {
    const now = performance.now();
    for (const missing of this.#missing.values()) {
      if (missing.dueAt > now) continue;
      missing.dueAt = Number.POSITIVE_INFINITY;
      this.#push(missing.row);
    }
    this.#planLook();
    this.#start();
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}

/** How many rows fit into one statement. */
function fitting(rows: readonly PublishedRow[]): number {
  let messages = 0;
  let count = 0;
  for (const { jobs } of rows) {
    messages += jobs;
    if (count > 0 && (count === MAX_ROWS || messages > MAX_MESSAGES)) break;
    count += 1;
  }
  return count;
}
