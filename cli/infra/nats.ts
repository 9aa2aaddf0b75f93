import { type Broker, replicasOf, versionOf, wrong } from './broker.ts';
import { swap } from './manifest.ts';

const REPLICAS = 3;
/** From 2.10 on a message is on the disk before it is acknowledged, where `sync_interval: always` says so. */
const SYNCING = /^2\.[1-9]\d(\.\d+)?$/;

/** How many nodes there are, once what is asked of them can be done by so many. */
export function nodesOf({ config, streams }: Broker<'nats'>): number {
  const nodes = replicasOf(config.replicas, REPLICAS);
  if (config.jetstream?.max_age !== undefined)
    throw wrong('jetstream.max_age is of no server', 'give max_age to each eventbus.stream');
  for (const { name, num_replicas = 1 } of streams) {
    if (num_replicas > nodes)
      throw wrong(`num_replicas of ${name} is ${num_replicas}`, `give at most ${nodes}, as there are nodes`);
  }
  return nodes;
}

/** Undefined for the one that stands in `infra/`. */
export function tagOf({ config }: Broker<'nats'>): string | undefined {
  const version = versionOf(config.version, SYNCING, '2.11.4');
  return version === undefined ? undefined : `${version}-alpine`;
}

/** The configuration of the server, with the sizes of a broker. */
export function sized(conf: string, { config: { jetstream = {} } }: Broker<'nats'>): string {
  const { max_storage_bytes: files, max_memory_bytes: memory } = jetstream;
  const stored = files === undefined ? conf : swap(conf, /max_file_store: \w+/, `max_file_store: ${files}`);
  return memory === undefined
    ? stored
    : swap(stored, /jetstream \{/, `jetstream { max_memory_store: ${memory},`);
}
