import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '../..');
const BUILT = join(ROOT, '.millrace/clients');
const run = promisify(execFile);

export interface Program {
  /** What it is written in, and with what: also its name as a worker. */
  readonly name: string;
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

/**
 * Builds what needs building. `full` also fetches what only the Kafka side of Python needs, takes Java in, and the SDK of the
 * original for Python, which is the one of its four that its registry has.
 */
export async function preparePrograms({ full }: { readonly full: boolean }): Promise<Programs> {
  await mkdir(BUILT, { recursive: true });
  const tried = await Promise.allSettled([
    go(),
    python(full),
    ...(full ? [java(), sdk('REST'), sdk('gRPC')] : []),
  ]);
  return {
    found: tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    missing: tried.flatMap((one) => (one.status === 'rejected' ? [reasonOf(one.reason)] : [])),
  };
}

async function go(): Promise<Program> {
  const program = join(BUILT, 'go-client');
  await run('go', ['build', '-o', program, '.'], { cwd: join(HERE, 'go'), timeout: 120_000 });
  return { name: 'Go', command: [program], kafka: true };
}

async function python(full: boolean): Promise<Program> {
  const packages = join(BUILT, 'python');
  await run('python3', ['--version']);
  if (full) await install(packages, 'confluent-kafka');
  const env = { PYTHONPATH: packages };
  const found = spawnSync('python3', ['-c', 'import confluent_kafka'], {
    env: { ...process.env, ...env },
  });
  return {
    name: 'Python',
    command: ['python3', join(HERE, 'python/worker.py')],
    env,
    kafka: found.status === 0,
  };
}

async function sdk(transport: 'REST' | 'gRPC'): Promise<Program> {
  const packages = join(BUILT, 'python-sdk');
  installing ??= install(packages, 'rochallor-sdk==1.1.0');
  await installing;
  return {
    name: `Python on the published SDK over ${transport}`,
    command: ['python3', join(HERE, 'python/sdk_worker.py')],
    env: { PYTHONPATH: packages, WORKER_TRANSPORT: transport.toLowerCase() },
    kafka: true,
  };
}

/** Both transports are of one package. */
let installing: Promise<void> | undefined;

async function install(packages: string, wanted: string): Promise<void> {
  const done = join(packages, `.${wanted}`);
  if (existsSync(done)) return;
  await run('python3', ['-m', 'pip', 'install', '-q', '--target', packages, wanted], { timeout: 300_000 });
  await writeFile(done, '');
}

async function java(): Promise<Program> {
  const jars = kafkaJars();
  if (jars.length === 0) throw new Error('Java: no Kafka jars in .millrace; run npm run demo once');
  const classPath = jars.join(':');
  await run('javac', ['-cp', classPath, '-d', join(BUILT, 'java'), join(HERE, 'java/Worker.java')]);
  const command = ['java', '-cp', `${join(BUILT, 'java')}:${classPath}`, 'Worker'] as const;
  return { name: 'Java', command: [...command], kafka: true };
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
