const WIDTH = 30;
const REDRAW_MS = 100;

/** A bar with count, rate and time left; where nobody watches, a line for each tenth. */
export class Progress {
  readonly #label: string;
  readonly #total: number;
  readonly #out: NodeJS.WriteStream;
  readonly #began = Date.now();
  #drawn = 0;
  #tenth = -1;

  constructor(label: string, total: number, out: NodeJS.WriteStream = process.stderr) {
    this.#label = label;
    this.#total = total;
    this.#out = out;
  }

  show(done: number): void {
    const now = Date.now();
    const tenth = Math.floor((done / this.#total) * 10);
    if (this.#out.isTTY ? now - this.#drawn < REDRAW_MS && done < this.#total : tenth === this.#tenth) return;
    [this.#drawn, this.#tenth] = [now, tenth];
    const line = progressLine(this.#label, { done, total: this.#total, elapsedMs: now - this.#began });
    this.#out.write(this.#out.isTTY ? `\r${line}\x1b[K` : `${line}\n`);
  }

  end(): void {
    if (this.#out.isTTY) this.#out.write('\n');
  }
}

export function progressLine(
  label: string,
  { done, total, elapsedMs }: { readonly done: number; readonly total: number; readonly elapsedMs: number },
): string {
  const filled = Math.round((Math.min(done, total) / total) * WIDTH);
  const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
  const rate = elapsedMs > 0 ? (done / elapsedMs) * 1000 : 0;
  const left = rate > 0 && done < total ? `${Math.ceil((total - done) / rate)} s left` : '';
  return `${label.padEnd(9)} ${bar} ${number(done)}/${number(total)}  ${number(Math.round(rate))}/s  ${left}`.trimEnd();
}

export interface LoadResult {
  readonly kind: 'jobs' | 'workflows';
  readonly count: number;
  readonly retries: number;
  readonly submitMs: number;
  readonly totalMs: number;
  readonly ended: Readonly<Record<string, number>>;
  readonly expected: Readonly<Record<string, number>>;
}

/** What is not as it must be; empty when all is. */
export function faultsOf({ ended, expected }: Pick<LoadResult, 'ended' | 'expected'>): string[] {
  const states = new Set([...Object.keys(expected), ...Object.keys(ended)]);
  return [...states].flatMap((state) => {
    const [is, must] = [ended[state] ?? 0, expected[state] ?? 0];
    return is === must ? [] : [`${number(is)} ${state}, expected ${number(must)}`];
  });
}

export function resultTable(result: LoadResult): string {
  const perMinute = (ms: number) => `${number(Math.round((result.count / ms) * 60_000))}/min`;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const states = new Set([...Object.keys(result.expected), ...Object.keys(result.ended)]);
  const rows = [
    [
      'submitted',
      `${number(result.count)} ${result.kind}`,
      seconds(result.submitMs),
      perMinute(result.submitMs),
    ],
    ['all ended', '', seconds(result.totalMs), perMinute(result.totalMs)],
    ['sent again', number(result.retries), '', ''],
    ...[...states].map((state) => [
      state,
      number(result.ended[state] ?? 0),
      `expected ${number(result.expected[state] ?? 0)}`,
      '',
    ]),
  ];
  return rows
    .map((row) =>
      row
        .map((cell) => cell.padEnd(18))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
