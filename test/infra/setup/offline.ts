import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../../cli/dev/backends/ports.ts';
import { clientEvents, workerEvents } from '../../../infra/service/routes.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { OFFLINE, offlineReady, ROOT } from './tools.ts';

export interface Offline extends AsyncDisposable {
  /** Where the routes are. */
  readonly url: string;
  /** Of a function by its name in the service, with an event of any kind. */
  invoke(name: string, event: unknown): Promise<unknown>;
}

/** The bundles behind serverless-offline: its API Gateway, its Lambda, and nothing of ours but what is deployed. */
export async function startOffline(
  environment: (url: string) => Readonly<Record<string, string>>,
): Promise<Offline> {
  await offlineReady();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-offline-'));
  await symlink(join(ROOT, 'dist'), join(directory, 'dist'));
  await symlink(join(OFFLINE, 'node_modules'), join(directory, 'node_modules'));
  const [httpPort = 0, lambdaPort = 0] = await freePorts(2);
  const url = `http://127.0.0.1:${httpPort}`;
  await writeFile(
    join(directory, 'serverless.json'),
    JSON.stringify(service({ httpPort, lambdaPort }, environment(url))),
  );
  const child = spawn(join(OFFLINE, 'node_modules/.bin/serverless'), ['offline', 'start'], {
    cwd: directory,
    detached: true,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: directory,
      SLS_TELEMETRY_DISABLED: '1',
    },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk));
  const stop = async () => {
    await end(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const listens = async () => (await fetch(`${url}/health`)).ok;
    await waitFor(listens, { within: 60_000, what: 'serverless-offline to answer' });
  } catch (error) {
    await stop();
    throw new Error(`serverless-offline did not start:\n${log}`, { cause: error });
  }
  return {
    url,
    invoke: async (name, event) => {
      const path = `http://127.0.0.1:${lambdaPort}/2015-03-31/functions/millrace-dev-${name}/invocations`;
      const response = await fetch(path, { method: 'POST', body: JSON.stringify(event) });
      return response.json();
    },
    [Symbol.asyncDispose]: stop,
  };
}

function service(
  ports: { httpPort: number; lambdaPort: number },
  environment: Readonly<Record<string, string>>,
) {
  // It knows no signatures of IAM: who may call which route is checked in the template.
  const open = [...clientEvents({ auth: 'iam' }), ...workerEvents()].map(({ httpApi }) => {
    const { method, path } = httpApi as { method: string; path: string };
    return { httpApi: { method, path } };
  });
  return {
    service: 'millrace',
    frameworkVersion: '>=4.0.0',
    provider: { name: 'aws', runtime: 'nodejs24.x', httpApi: { payload: '2.0' }, environment },
    plugins: ['serverless-offline'],
    custom: { 'serverless-offline': { ...ports, noPrependStageInUrl: true } },
    functions: {
      api: { handler: 'dist/functions/http/index.handler', events: open },
      worker: { handler: 'dist/functions/worker/index.handler', timeout: 60 },
    },
  };
}

/** The framework, and the threads of the functions, are one group. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await exited;
}
