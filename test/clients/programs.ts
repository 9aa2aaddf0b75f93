import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '../..');
const BUILT = join(ROOT, '.millrace/clients');
const run = promisify(execFile);

export interface Program {
  readonly language: 'Go' | 'Java' | 'Python';
  readonly command: readonly [file: string, ...args: string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it can read Kafka on this machine. */
  readonly kafka: boolean;
}

/** Those that can be run here; the rest is said to be missing, and why. */
export interface Programs {
  readonly found: readonly Program[];
  readonly missing: readonly string[];
}

/** Builds what needs building. `full` also fetches what only the Kafka side of Python needs, and takes Java in. */
export async function preparePrograms({ full }: { readonly full: boolean }): Promise<Programs> {
  await mkdir(BUILT, { recursive: true });
  const tried = await Promise.allSettled([go(), python(full), ...(full ? [java()] : [])]);
  return {
    found: tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    missing: tried.flatMap((one) => (one.status === 'rejected' ? [reasonOf(one.reason)] : [])),
  };
}

async function go(): Promise<Program> {
  const program = join(BUILT, 'go-client');
  await run('go', ['build', '-o', program, '.'], { cwd: join(HERE, 'go'), timeout: 120_000 });
  return { language: 'Go', command: [program], kafka: true };
}

async function python(full: boolean): Promise<Program> {
  const packages = join(BUILT, 'python');
  const version = ['--version'];
  await run('python3', version);
  if (full && !existsSync(join(packages, 'confluent_kafka'))) {
    await run('python3', ['-m', 'pip', 'install', '-q', '--target', packages, 'confluent-kafka']);
  }
  const env = { PYTHONPATH: packages };
  const found = spawnSync('python3', ['-c', 'import confluent_kafka'], {
    env: { ...process.env, ...env },
  });
  return {
    language: 'Python',
    command: ['python3', join(HERE, 'python/worker.py')],
    env,
    kafka: found.status === 0,
  };
}

async function java(): Promise<Program> {
  const jars = kafkaJars();
  if (jars.length === 0) throw new Error('Java: no Kafka jars in .millrace; run npm run demo once');
  const classPath = jars.join(':');
  await run('javac', ['-cp', classPath, '-d', join(BUILT, 'java'), join(HERE, 'java/Worker.java')]);
  const command = ['java', '-cp', `${join(BUILT, 'java')}:${classPath}`, 'Worker'] as const;
  return { language: 'Java', command: [...command], kafka: true };
}

/** A pattern would not follow a link to a directory. */
function kafkaJars(): string[] {
  const state = join(ROOT, '.millrace');
  const homes = readdirSync(state).filter((name) => /^kafka-\d/.test(name));
  return homes.flatMap((name) => {
    const libs = join(state, name, 'libs');
    return existsSync(libs) ? readdirSync(libs).map((jar) => join(libs, jar)) : [];
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 300) : String(error);
}
