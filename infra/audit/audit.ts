import { execFile } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const GRAVE = ['high', 'critical'];

/** What is known against the packages that are installed in production. */
export type Audit =
  | { readonly kind: 'clean' }
  /** Each with its severity and the way out, one a line. */
  | { readonly kind: 'weak'; readonly found: readonly string[] }
  /** The registry has no list of weaknesses, or cannot be reached: nothing is known, which is no reason to refuse the rest. */
  | { readonly kind: 'unknown'; readonly reason: string };

interface Report {
  readonly message?: string;
  readonly error?: { readonly summary?: string; readonly code?: string };
  readonly vulnerabilities?: Readonly<Record<string, Weakness>>;
}

interface Weakness {
  readonly name: string;
  readonly severity: string;
  readonly range: string;
  readonly fixAvailable: boolean | { readonly name: string; readonly version: string };
}

/** Asks the registry that npm is set to about package-lock.json; weaknesses below `high` pass. */
export async function audit(): Promise<Audit> {
  const flags = ['--omit=dev', '--json', '--fetch-retries=0', '--fetch-timeout=10000'];
  const output = await new Promise<string>((resolve) => {
    execFile(
      'npm',
      ['audit', ...flags],
      { cwd: ROOT, maxBuffer: 1 << 26, timeout: 45_000 },
      (error, stdout) => resolve(stdout || JSON.stringify({ message: String(error) })),
    );
  });
  return readAudit(output);
}

/** @param output what `npm audit --json` has written */
export function readAudit(output: string): Audit {
  const report = parse(output);
  if (!report.vulnerabilities) {
    const reason =
      report.error?.summary || report.message || report.error?.code || 'npm audit gave no report';
    return { kind: 'unknown', reason };
  }
  const found = Object.values(report.vulnerabilities)
    .filter(({ severity }) => GRAVE.includes(severity))
    .map((weakness) => `${weakness.severity}: ${weakness.name} ${weakness.range}; ${wayOut(weakness)}`);
  return found.length === 0 ? { kind: 'clean' } : { kind: 'weak', found };
}

function parse(output: string): Report {
  try {
    return JSON.parse(output) as Report;
  } catch {
    return { message: output.trim().slice(0, 200) };
  }
}

function wayOut({ fixAvailable }: Weakness): string {
  if (fixAvailable === false)
    return 'no fixed version yet: replace it, or show in an override why it does not apply';
  if (fixAvailable === true) return 'npm audit fix';
  return `npm install -E ${fixAvailable.name}@${fixAvailable.version}`;
}
