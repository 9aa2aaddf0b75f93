import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv } from 'node:process';
import { chooseParts, parts, type SoakPart } from './parts.ts';
import { parseReport, type SoakLine } from './report.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const LOOK_MS = 500;
const OUTPUT_SHOWN = 10_000;

/**
 * `npm run soak -- big-transaction|kills|outage`, each also with a size (`kills=100`), or all of them: the tests of `test/chaos/`
 * at the length that no ordinary run has time for. Progress goes to the error stream, a table of what was found to the output.
 */
const chosen = chooseParts(argv.slice(2));
if ('unknown' in chosen) {
  const known = Object.entries(parts).map(([name, { size, unit }]) => `${name}=<${unit}> (${size})`);
  console.error(`unknown part or size: ${chosen.unknown}; there are ${known.join(', ')}`);
  process.exit(2);
}
const rows: string[][] = [];
for (const { part, size } of chosen.parts) rows.push(...(await soak(part, size)));
console.log('| what | asked for | found | minutes |\n| --- | --- | --- | ---: |');
for (const row of rows) console.log(`| ${row.join(' | ')} |`);

async function soak(part: SoakPart, size: number): Promise<string[][]> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-soak-'));
  const path = join(dir, 'report');
  await writeFile(path, '');
  const began = performance.now();
  const code = await runTests(part, { size, path });
  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  const found = (await lines(path)).filter(({ kind }) => kind === 'result');
  await rm(dir, { recursive: true, force: true });
  if (code !== 0) process.exitCode = 1;
  const verdict = code === 0 ? [] : [{ text: '**failed**: see above' }];
  return [...found, ...verdict].map(({ text }) => [part.what, `${size} ${part.unit}`, text, minutes]);
}

async function runTests(
  { file, tests, variable }: SoakPart,
  { size, path }: { size: number; path: string },
): Promise<number> {
  const args = ['vitest', 'run', '--project', 'chaos', file, '-t', tests];
  const env = { ...process.env, [variable]: String(size), WE_SOAK_REPORT: path, NO_COLOR: '1' };
  const child = spawn('npx', args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (piece: Buffer) => {
      output = (output + piece.toString()).slice(-OUTPUT_SHOWN);
    });
  }
  let shown = 0;
  const show = async (): Promise<void> => {
    const all = await lines(path);
    for (const { text } of all.slice(shown))
      console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
    shown = all.length;
  };
  const timer = setInterval(() => void show(), LOOK_MS);
  const code = await new Promise<number>((resolve) => child.once('exit', (status) => resolve(status ?? 1)));
  clearInterval(timer);
  await show();
  if (code !== 0) console.error(output);
  return code;
}

async function lines(path: string): Promise<SoakLine[]> {
  return parseReport(await readFile(path, 'utf8'));
}
