import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DispatchMode } from '../../engine/deps.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../helpers/otlp-receiver.ts';
import { type Family, parsePage } from '../helpers/prometheus.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { createService, millrace, type Run } from './millrace.ts';

/** What must not be in any log, span or metric: it is in a setting and in payloads. */
export const CANARY = 'canary-4f1c';

export interface ObservedStack extends AsyncDisposable {
  readonly receiver: OtlpReceiver;
  readonly apiUrl: string;
  readonly metricsUrl: string;
  readonly pids: Readonly<Record<string, number>>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Record<string, unknown>>;
  get(path: string): Promise<Record<string, unknown>>;
  /** The page of the API, or the one that `metricsUrl` leads to. */
  page(which: 'api' | 'dev'): Promise<Map<string, Family>>;
  /** Everything that was written, by process. */
  logs(): Promise<Map<string, string>>;
}

/** `npm start` in a mode, with a collector to send spans to. Its handler of `process` traces on its own. */
export async function startObserved(mode: DispatchMode): Promise<ObservedStack> {
  const receiver = await startOtlpReceiver();
  const service = await createService();
  await writeFile(join(service.directory, 'millrace.config.ts'), serviceText());
  const stack = millrace(['start'], {
    cwd: service.directory,
    env: {
      WE_DISPATCH_MODE: mode,
      WE_HTTP_PORT: '0',
      WE_METRICS_PORT: '0',
      WE_RELAY_LAG_INTERVAL: '200ms',
      WE_LEASE_SECONDS: '60',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=${CANARY}`,
    },
  });
  await waitFor(() => isReady(stack), { within: 90_000, what: 'the stack to be ready' });
  const state = await readState(service.directory);
  return {
    receiver,
    apiUrl: state.apiUrl,
    metricsUrl: state.metricsUrl,
    pids: state.pids,
    post: (path, body, headers = {}) =>
      json(fetch(state.apiUrl + path, { method: 'POST', headers, body: JSON.stringify(body) })),
    get: (path) => json(fetch(state.apiUrl + path)),
    async page(which) {
      const url = which === 'api' ? `${state.apiUrl}/metrics` : state.metricsUrl;
      return parsePage(await (await fetch(url)).text());
    },
    logs: () => readLogs(service.directory, stack),
    async [Symbol.asyncDispose]() {
      stack.child.kill('SIGTERM');
      await stack.ended;
      await service[Symbol.asyncDispose]();
      await receiver[Symbol.asyncDispose]();
    },
  };
}

function isReady(stack: Run): boolean {
  if (stack.child.exitCode !== null) throw new Error(stack.output());
  return stack.output().includes('\nready\n');
}

interface State {
  readonly apiUrl: string;
  readonly metricsUrl: string;
  readonly pids: Record<string, number>;
}

async function readState(directory: string): Promise<State> {
  return JSON.parse(await readFile(join(directory, '.millrace', 'dev.json'), 'utf8')) as State;
}

async function readLogs(directory: string, stack: Run): Promise<Map<string, string>> {
  const folder = join(directory, '.millrace', 'dev', 'logs');
  const names = await readdir(folder);
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
  );
  return new Map([['start', stack.output()], ...texts]);
}

async function json(response: Promise<Response>): Promise<Record<string, unknown>> {
  const answer = await response;
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}

/** The repository's handlers; a user's own span in one of them, by the package that any user would take. */
function serviceText(): string {
  const root = resolve(import.meta.dirname, '../..');
  const url = (path: string) => JSON.stringify(pathToFileURL(join(root, path)).href);
  return `
import { trace } from ${url('node_modules/@opentelemetry/api/build/src/index.js')};
import config from ${url('millrace.config.ts')};
const process = (context) =>
  trace.getTracer('user').startActiveSpan('a query of my own', async (span) => {
    try {
      return await config.jobs.process(context);
    } finally {
      span.end();
    }
  });
export default { ...config, jobs: { ...config.jobs, process } };
`;
}
