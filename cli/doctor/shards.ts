import type { SettingsFacts, SlotFacts } from '../../adapters/postgres/sql/inspect.ts';
import type { RelayConfig } from '../../relay-cdc/config.ts';
import { rowFilter, shardConfigs } from '../../relay-cdc/shards.ts';
import { type Finding, ok, psql, shell, warning } from './finding.ts';
import type { Stream } from './stream.ts';

/**
 * One a shard, of as many shards as the database packs for: those are at work whatever this environment says, and the relay
 * makes the others itself when the number changes.
 */
export function streamsOf(relay: RelayConfig, shards: number): Stream[] {
  return shardConfigs({ ...relay, shard: { index: 0, of: shards } }).map(({ slot, publication, shard }) => ({
    slot,
    publication,
    rowFilter: rowFilter(shard) ?? null,
  }));
}

/** Nothing is said of one shard, which is what every installation begins with. */
export function judgeSharding(
  wanted: number,
  { relay_shards: packed, resharding }: SettingsFacts,
): Finding[] {
  const check = 'relay_shards';
  const change = shell(
    `WE_RELAY_SHARDS=${wanted} npx millrace relay`,
    'once every relay of another number is stopped; nothing is lost',
  );
  if (packed !== wanted) {
    const says = `Jobs are packed for ${shardsOf(packed)}, and WE_RELAY_SHARDS here is ${wanted}: a relay with it changes the number.`;
    return [warning(check, says, change)];
  }
  if (resharding) {
    const says = `A change to ${shardsOf(packed)} is not finished, and nothing is dispatched until it is: the next relay finishes it.`;
    return [warning(check, says, change)];
  }
  return packed === 1 ? [] : [ok(check, `The outbox is in ${shardsOf(packed)}.`)];
}

function shardsOf(count: number): string {
  return count === 1 ? 'one shard' : `${count} shards`;
}

/** A slot under a name of the relay's that none reads any more keeps the log for ever. */
export function judgeLeftover(slot: string, facts: SlotFacts | undefined): Finding[] {
  if (!facts?.is_ours || facts.active) return [];
  const drop = psql(`select pg_drop_replication_slot('${slot}')`);
  return [
    warning(`slot ${slot}`, 'A relay has left a slot behind, for which the server keeps its log.', drop),
  ];
}
