import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findServer, type ServerCommand } from '../../cli/dev/backends/debian-packages.ts';
import { freePort } from '../../cli/dev/backends/ports.ts';
import { waitFor } from './wait-for.ts';

/** Debian's package has both. */
export function prometheusTool(command: 'prometheus' | 'promtool'): Promise<ServerCommand> {
  return findServer({ command, packages: ['prometheus'] });
}

export interface Prometheus extends AsyncDisposable {
  /** The value of `data` of an answer of the HTTP API. */
  ask<T>(path: string): Promise<T>;
}

export interface Target {
  readonly job: string;
  /** `http://host:port/path` */
  readonly url: string;
}

export async function startPrometheus(targets: readonly Target[], rules: string): Promise<Prometheus> {
  const { path, env } = await prometheusTool('prometheus');
  const directory = await mkdtemp(join(tmpdir(), 'millrace-prometheus-'));
  const jobs = targets.map(({ job, url }) => {
    const { host, pathname } = new URL(url);
    return { job_name: job, metrics_path: pathname, static_configs: [{ targets: [host] }] };
  });
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [rules],
    scrape_configs: jobs,
  };
  // JSON is YAML.
  await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(config));
  const port = await freePort();
  const child = spawn(
    path,
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env } },
  );
  const base = `http://127.0.0.1:${port}`;
  await waitFor(async () => (await fetch(`${base}/-/ready`)).ok, { within: 30_000, what: 'Prometheus' });
  return {
    ask: (path) => ask(base + path),
    [Symbol.asyncDispose]: async () => {
      await ended(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function ask<T>(url: string): Promise<T> {
  const answer = (await (await fetch(url)).json()) as { status: string; error?: string; data: T };
  if (answer.status !== 'success') throw new Error(`${answer.error} at ${decodeURIComponent(url)}`);
  return answer.data;
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((settle) => {
    child.once('close', () => settle());
    child.kill('SIGTERM');
  });
}
