import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../cli/dev/backends/ports.ts';
import { waitFor } from './wait-for.ts';

const run = promisify(execFile);
const HOME = resolve(import.meta.dirname, '../../.millrace');
const INSTALLED = join(HOME, 'prometheus');

export interface PrometheusTools {
  readonly server: string;
  readonly promtool: string;
}

/** Debian's package, unpacked into `.millrace`: it needs no root, and what the system has of its own stays as it is. */
export async function prometheusTools(): Promise<PrometheusTools> {
  const tools = {
    server: join(INSTALLED, 'usr/bin/prometheus'),
    promtool: join(INSTALLED, 'usr/bin/promtool'),
  };
  if (existsSync(tools.promtool)) return tools;
  await mkdir(HOME, { recursive: true });
  const work = await mkdtemp(join(HOME, 'prometheus-'));
  try {
    await run('apt-get', ['download', 'prometheus'], { cwd: work }).catch(async () => {
      await run('apt-get', ['update', '-qq']);
      await run('apt-get', ['download', 'prometheus'], { cwd: work });
    });
    const [file = ''] = (await readdir(work)).filter((name) => name.endsWith('.deb'));
    await run('dpkg-deb', ['-x', join(work, file), join(work, 'root')]);
    await rename(join(work, 'root'), INSTALLED).catch((error: unknown) => {
      // Another run was faster.
      if (!existsSync(tools.promtool)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return tools;
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
  const { server } = await prometheusTools();
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
    server,
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
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
