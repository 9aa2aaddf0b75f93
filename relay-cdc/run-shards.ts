import type { Registry } from 'prom-client';
import { processMetrics } from '../adapters/prometheus/process-metrics.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { RelayConfig } from './config.ts';
import type { HealthSources } from './health.ts';
import { printMetrics, RelayMetrics } from './metrics.ts';
import { type Candidacy, type RelayDeps, runRelayLoop } from './relay.ts';
import { shardConfigs } from './shards.ts';
import { joinReadiness, RelayStatus } from './status.ts';

/** What each shard's candidate has of its own. */
export interface ShardRelay extends Pick<RelayDeps, 'config' | 'metrics' | 'status' | 'logger' | 'say'> {
  readonly first: Candidacy;
}

export interface OpenShards {
  readonly config: RelayConfig;
  /** One a shard. */
  readonly candidacies: readonly Candidacy[];
  readonly logger: Logger;
  readonly say: (line: string) => void;
}

/** One shard says and counts what it always did; several are told apart. */
export function openShards({ config, candidacies, logger, say }: OpenShards): ShardRelay[] {
  const configs = shardConfigs(config);
  return candidacies.flatMap((first, index) => {
    const own = configs[index];
    if (!own) return [];
    const status = new RelayStatus();
    status.standBy(first.connection);
    const several = configs.length > 1;
    return {
      config: own,
      first,
      status,
      metrics: new RelayMetrics(several ? index : undefined),
      logger: several ? withShard(logger, index) : logger,
      say: several ? (line: string) => say(`shard ${index}: ${line}`) : say,
    };
  });
}

/**
 * Runs a candidate for every shard until the signal aborts. A failure that ends one ends all, in order: a process that
 * quietly leads fewer shards than it should would look well.
 */
export async function runShards(
  shards: readonly ShardRelay[],
  shared: Pick<
    RelayDeps,
    | 'pool'
    | 'engine'
    | 'streamer'
    | 'readTail'
    | 'openSession'
    | 'openLagReader'
    | 'onLags'
    | 'clear'
    | 'roles'
  >,
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const loops = shards.map(({ first, ...own }) => {
    // What exactly one process does at a time goes with the first shard.
    const { openLagReader, roles, ...everyone } = shared;
    const once = own.config.shard.index === 0 ? { openLagReader, roles } : { roles: [] };
    return runRelayLoop({ ...everyone, ...own, ...once }, first, either).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  });
  await Promise.allSettled(loops);
  failed.signal.throwIfAborted();
}

/** @param written what the process counts besides, whatever shards it leads */
export function shardHealth(shards: readonly ShardRelay[], written: Registry): HealthSources {
  return {
    metrics: async () => {
      const counted = [written, processMetrics].map((registry) => registry.metrics());
      const pages = [printMetrics(shards.map(({ metrics }) => metrics)), ...counted];
      return (await Promise.all(pages)).join('\n');
    },
    readiness: () => joinReadiness(shards.map(({ status }) => status.get())),
  };
}

/** For the boot log: `leader=true`, with several shards also which of them. */
export function leading(candidacies: readonly Candidacy[]): string {
  const led = candidacies.flatMap(({ leads }, index) => (leads ? [index] : []));
  const which = candidacies.length > 1 ? ` shards=[${led.join(',')}] of ${candidacies.length}` : '';
  return `leader=${led.length > 0}${which}`;
}

function withShard(logger: Logger, shard: number): Logger {
  return {
    debug: (message, fields) => logger.debug(message, { shard, ...fields }),
    info: (message, fields) => logger.info(message, { shard, ...fields }),
    warn: (message, fields) => logger.warn(message, { shard, ...fields }),
    error: (message, fields) => logger.error(message, { shard, ...fields }),
  };
}
