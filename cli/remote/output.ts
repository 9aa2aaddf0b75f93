import { styleText } from 'node:util';

/** Every verb through the API has it. */
export interface Shown {
  readonly json?: boolean;
}

/** The JSON as it came, to the last digit, or what a person reads. */
export function show({ json }: Shown, text: string, forPeople: () => string): void {
  console.log(json ? text : forPeople());
}

export type Row = readonly (string | number | null)[];

/** Columns as wide as what stands in them; the last one is cut, never wrapped. */
export function table(head: readonly string[], rows: readonly Row[]): string {
  const texts = [head, ...rows.map((row) => row.map((cell) => plain(cell ?? '–')))];
  const widths = head.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  return texts
    .map((row, index) => {
      const line = row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd();
      return index === 0 ? colour('dim', line) : line;
    })
    .join('\n');
}

const LONGEST_CELL = 80;

/** On one line, and nothing in it that the terminal would obey: errors and keys are anybody's text. */
export function plain(value: string | number): string {
  const text = String(value).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
  return text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL - 1)}…` : text;
}

type Colour = 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

/** Only where the output is a terminal that wants it (`NO_COLOR`). */
export function colour(name: Colour, text: string): string {
  return styleText(name, text, { stream: process.stdout });
}

const COLOURS: Readonly<Record<string, Colour>> = {
  completed: 'green',
  dead_letter: 'red',
  failed: 'red',
  cancelled: 'dim',
  retrying: 'yellow',
  running: 'cyan',
};

export function status(name: string): string {
  const known = COLOURS[name];
  return known ? colour(known, name) : name;
}

/** What JSON output ends with, and a person needs to go on. */
export function more(next: string | null): string {
  return next === null ? '' : `\n${colour('dim', `more: --cursor ${next}`)}`;
}
