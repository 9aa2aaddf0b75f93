import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MillraceError } from '../../../engine/errors.ts';
import type { KafkaOptions, KafkaServer } from './kafka.ts';
import {
  awaitBroker,
  type BrokerOptions,
  endBroker,
  endLeftoverBrokers,
  formatBroker,
  spawnBroker,
} from './kafka-broker.ts';
import { ensureIdentity, keepFile } from './kafka-identity.ts';
import { ensureKafkaJars } from './kafka-jars.ts';
import type { BrokerNode } from './kafka-properties.ts';
import { claimDirectory } from './owner.ts';
import { freePorts } from './ports.ts';
import { sendSignal } from './processes.ts';

/** Apache Kafka's own classes on the JDK of this machine: one process a broker. */
export async function startLocalKafka(options: KafkaOptions, java: string): Promise<KafkaServer> {
  const dir = resolve(options.dir);
  const onProgress = options.onProgress ?? ignore;
  await mkdir(dir, { recursive: true });
  const claim = await claimDirectory(dir);
  try {
    const libs = await ensureKafkaJars(onProgress);
    await endLeftoverBrokers(dir, onProgress);
    const tls = options.secured === true ? await ensureIdentity(dir) : undefined;
    const plans = await planBrokers(options, { java, libs, dir, keyStorePath: tls?.keyStorePath });
    onProgress(`starting Kafka in ${dir} (${plans.length === 1 ? 'one broker' : `${plans.length} brokers`})`);
    await Promise.all(plans.map(formatBroker));
    const cluster = new LocalCluster(plans, claim.release);
    await cluster.start(options.signal);
    return serverOf(cluster, plans, tls?.caPath);
  } catch (error) {
    await claim.release();
    throw error;
  }
}

class LocalCluster {
  readonly #plans: readonly BrokerOptions[];
  readonly #release: () => Promise<void>;
  readonly #running = new Map<number, number>();

  constructor(plans: readonly BrokerOptions[], release: () => Promise<void>) {
    this.#plans = plans;
    this.#release = release;
  }

  get pids(): readonly number[] {
    return [...this.#running.values()];
  }

  async start(signal: AbortSignal | undefined): Promise<void> {
    const ended = new AbortController();
    const either = AbortSignal.any([ended.signal, ...(signal === undefined ? [] : [signal])]);
    try {
      await Promise.all(this.#plans.map((_, index) => this.#spawn(index)));
      await Promise.all(this.#plans.map((_, index) => this.#await(index, either)));
    } catch (error) {
      ended.abort(error);
      await Promise.all(this.#plans.map((_, index) => this.end(index, 'SIGKILL')));
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#plans.map((_, index) => this.end(index, 'SIGTERM')));
    await this.#release();
  }

  async end(index: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { dir } = this.#plan(index);
    const pid = this.#running.get(index);
    if (pid === undefined) return;
    if (!(await endBroker(pid, signal))) {
      throw new MillraceError(
        'broker_unreachable',
        `The Kafka broker of ${dir} (process ${pid}) did not stop. End it with: kill -9 ${pid}`,
      );
    }
    this.#running.delete(index);
  }

  async restart(index: number): Promise<void> {
    await this.end(index, 'SIGTERM');
    await this.#spawn(index);
    await this.#await(index, undefined);
  }

  async signal(index: number, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const { dir } = this.#plan(index);
    const pid = this.#running.get(index);
    if (pid !== undefined && sendSignal(pid, signal)) return;
    throw new MillraceError(
      'broker_unreachable',
      `The Kafka broker of ${dir} is not running: restart it first.`,
    );
  }

  async #spawn(index: number): Promise<void> {
    this.#running.set(index, await spawnBroker(this.#plan(index)));
  }

  async #await(index: number, signal: AbortSignal | undefined): Promise<void> {
    const pid = this.#running.get(index) ?? 0;
    await awaitBroker(this.#plan(index), { pid, brokers: this.#running.size, signal });
  }

  #plan(index: number): BrokerOptions {
    const plan = this.#plans[index];
    if (plan !== undefined) return plan;
    throw new RangeError(
      `there is no broker ${index}: they are numbered from 0 to ${this.#plans.length - 1}`,
    );
  }
}

function serverOf(
  cluster: LocalCluster,
  plans: readonly BrokerOptions[],
  caPath: string | undefined,
): KafkaServer {
  const ports = plans.map(({ node }) => node.securedPort).filter((port) => port !== undefined);
  return {
    source: 'local',
    brokers: plans.map(({ node }) => `127.0.0.1:${node.port}`),
    ...(caPath === undefined ? {} : { securedBrokers: ports.map((port) => `127.0.0.1:${port}`), ca: caPath }),
    get pids() {
      return cluster.pids;
    },
    stop: () => cluster.stop(),
    killBroker: (index) => cluster.end(index, 'SIGKILL'),
    stopBroker: (index) => cluster.end(index, 'SIGTERM'),
    pauseBroker: (index) => cluster.signal(index, 'SIGSTOP'),
    resumeBroker: (index) => cluster.signal(index, 'SIGCONT'),
    restartBroker: (index) => cluster.restart(index),
  };
}

interface Machine {
  readonly java: string;
  readonly libs: string;
  readonly dir: string;
  readonly keyStorePath: string | undefined;
}

async function planBrokers(options: KafkaOptions, machine: Machine): Promise<BrokerOptions[]> {
  const count = options.brokers ?? 1;
  const ports = await freePorts(count * 3);
  const nodes = Array.from({ length: count }, (_, index): BrokerNode => {
    const [port = 0, controllerPort = 0, securedPort = 0] = ports.slice(index * 3);
    return {
      id: index + 1,
      port: index === 0 ? (options.port ?? port) : port,
      controllerPort,
      securedPort: machine.keyStorePath === undefined ? undefined : securedPort,
    };
  });
  const clusterId = await ensureClusterId(machine.dir);
  const { keyStorePath } = machine;
  return nodes.map((node) => ({
    java: machine.java,
    libs: machine.libs,
    dir: brokerDir(machine.dir, node.id),
    node,
    layout: { nodes, bind: '127.0.0.1', keyStorePath, settings: options.settings ?? {} },
    clusterId,
    heap: options.heap ?? '512m',
    hasFullJit: options.fullJit ?? false,
  }));
}

function brokerDir(dir: string, id: number): string {
  return join(dir, `broker-${id}`);
}

/** Kept apart from the brokers' own data, so that a cluster cut short while being made is completed with the same id. */
async function ensureClusterId(dir: string): Promise<string> {
  const fresh = randomBytes(16).toString('base64url');
  // The format command takes a leading dash for an option.
  const id = fresh.replace(/^-/, 'A');
  return keepFile(join(dir, 'cluster-id'), id);
}

function ignore(): void {
  // No one asked for progress.
}
