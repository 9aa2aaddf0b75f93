import type { RelayConfig } from './config.ts';

/** A part of the outbox: the rows whose shard_key modulo `of` is `index`. With one there is the whole outbox. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

export const WHOLE: Shard = { index: 0, of: 1 };

/** The condition of a shard's publication, as PostgreSQL prints it; undefined for the whole. */
export function rowFilter({ index, of }: Shard): string | undefined {
  return of === 1 ? undefined : `(((shard_key)::integer % ${of}) = ${index})`;
}

/**
 * Of a slot or publication. The number of shards is part of it: two relays that differ about the number then share no slot,
 * and a slot never streams with two meanings.
 */
export function shardName(base: string, { index, of }: Shard): string {
  return of === 1 ? base : `${base}_${index}of${of}`;
}

export function listShards(of: number): Shard[] {
  return Array.from({ length: of }, (_, index) => ({ index, of }));
}

/** The configuration of each shard's candidate. */
export function shardConfigs(config: RelayConfig): RelayConfig[] {
  return listShards(config.shard.of).map((shard) => ({
    ...config,
    shard,
    slot: shardName(config.slot, shard),
    publication: shardName(config.publication, shard),
  }));
}

/** Whether a slot's name is one that this installation gives, for whatever number of shards. */
export function isShardName(name: string, base: string): boolean {
  return name === base || (name.startsWith(`${base}_`) && /^\d+of\d+$/.test(name.slice(base.length + 1)));
}
