import type { Hop, Stages } from './figures.ts';

const WIDTH = 32;

/** The stages as bars against what was submitted. */
export function drawStages(stages: Stages, total: number): string[] {
  const rows: [string, number][] = [
    ['accepted', stages.accepted],
    ['in outbox', stages.inOutbox],
    ['published', stages.published],
    ['running', stages.running],
    ['completed', stages.completed],
  ];
  return rows.map(([name, count]) => `  ${name.padEnd(11)}${bar(count, total)} ${String(count).padStart(6)}`);
}

function bar(count: number, total: number): string {
  const filled = total === 0 ? 0 : Math.min(WIDTH, Math.round((count / total) * WIDTH));
  return '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
}

export function drawHops(hops: readonly Hop[]): string[] {
  return [
    `  ${'hop'.padEnd(24)}${'p50'.padStart(10)}${'p99'.padStart(12)}`,
    ...hops.map(({ name, p50, p99 }) => `  ${name.padEnd(24)}${ms(p50)}${ms(p99, 12)}`),
  ];
}

function ms(value: number, width = 10): string {
  return `${value.toFixed(1)} ms`.padStart(width);
}

/** Lines drawn over themselves on a terminal; elsewhere one line a change, so that logs stay readable. */
export class LivePicture {
  readonly #out: NodeJS.WriteStream;
  #drawn = 0;
  #last = '';

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  show(lines: readonly string[], summary: string): void {
    if (!this.#out.isTTY) {
      if (summary !== this.#last) this.#out.write(`  ${summary}\n`);
      this.#last = summary;
      return;
    }
    if (this.#drawn > 0) this.#out.write(`\u001b[${this.#drawn}A\u001b[0J`);
    this.#out.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }
}

export function summarize(stages: Stages): string {
  return (
    `accepted ${stages.accepted}  in outbox ${stages.inOutbox}  published ${stages.published}  ` +
    `running ${stages.running}  completed ${stages.completed}`
  );
}
