import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { emulator, ROOT, runtimeClient } from './tools.ts';

/** A bundle in the real Lambda runtime: AWS's emulator of the service, and AWS's client of it. */
export interface LambdaProcess extends AsyncDisposable {
  /** Of the function's own process. */
  pid(): Promise<number>;
  invoke(event: unknown): Promise<unknown>;
  log(): string;
}

export async function startLambda(
  bundle: string,
  environment: Record<string, string>,
): Promise<LambdaProcess> {
  const [port, runtimePort] = [await freePort(), await freePort()];
  const child = spawn(
    emulator,
    [
      '--runtime-interface-emulator-address',
      `127.0.0.1:${port}`,
      '--runtime-api-address',
      `127.0.0.1:${runtimePort}`,
      process.execPath,
      runtimeClient,
      'index.handler',
    ],
    {
      cwd: join(ROOT, 'dist/functions', bundle),
      detached: true,
      env: {
        PATH: process.env['PATH'] ?? '',
        LAMBDA_TASK_ROOT: join(ROOT, 'dist/functions', bundle),
        AWS_LAMBDA_FUNCTION_NAME: bundle,
        AWS_LAMBDA_FUNCTION_TIMEOUT: '20',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
        AWS_REGION: 'eu-west-1',
        ...environment,
      },
    },
  );
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk));
  const url = `http://127.0.0.1:${port}/2015-03-31/functions/function/invocations`;
  return {
    pid: () => runtimeOf(child.pid ?? 0),
    log: () => log,
    invoke: async (event) => {
      const response = await post(url, JSON.stringify(event), child);
      const text = await response.text();
      try {
        return JSON.parse(text);
      } catch {
        throw new Error(`The runtime of ${bundle} answered "${text}". Its log:\n${log}`);
      }
    },
    [Symbol.asyncDispose]: () => stop(child),
  };
}

/** The emulator's only child, once it was invoked. */
async function runtimeOf(emulatorPid: number): Promise<number> {
  // Children are listed by the thread that started them.
  const threads = await readdir(`/proc/${emulatorPid}/task`);
  const lists = threads.map((thread) => readFile(`/proc/${emulatorPid}/task/${thread}/children`, 'utf8'));
  const [pid = ''] = (await Promise.all(lists)).join(' ').trim().split(' ');
  if (pid === '') throw new Error('The emulator has not started the function yet.');
  return Number(pid);
}

/** The emulator listens a moment after it was started. */
async function post(url: string, body: string, child: ChildProcess): Promise<Response> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      return await fetch(url, { method: 'POST', body });
    } catch (error) {
      if (child.exitCode !== null || performance.now() > deadline) throw error;
      await delay(50);
    }
  }
}

/** The runtime client is the emulator's child: the group ends together. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await exited;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}
