import { appendFileSync } from 'node:fs';

export interface SoakLine {
  readonly kind: 'progress' | 'result';
  readonly text: string;
}

/** Told by a test of a long run; nothing hears it in an ordinary one. */
export function soakProgress(text: string): void {
  write({ kind: 'progress', text });
}

/** What a test has found, for the table at the end. */
export function soakResult(text: string): void {
  write({ kind: 'result', text });
}

function write(line: SoakLine): void {
  const path = process.env['WE_SOAK_REPORT'];
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(line)}\n`);
}

/** A last line that is still being written is left for the next look. */
export function parseReport(text: string): SoakLine[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as SoakLine);
}
