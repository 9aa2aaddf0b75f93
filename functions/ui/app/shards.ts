import { h } from 'preact';
import * as format from './format.ts';
import { Card, Table } from './parts.ts';
import type { Relay } from './shapes.ts';

export type SlotState = Relay['slots'][number];

/** A part of the outbox with a leader and a slot of its own. */
export interface Shard {
  readonly index: number;
  /** Undefined until somebody has led it. */
  readonly slot: SlotState | undefined;
}

/** `<name>_<index>of<number>`: the number is part of the name. */
const NAME = /_(\d+)of(\d+)$/;

/** Every shard that there should be, and the slots of another number of shards, which a change of it has left or is leaving. */
export function shardsOf({ shards, slots }: Relay): {
  readonly shards: Shard[];
  readonly others: SlotState[];
} {
  const placeOf = ({ slot }: SlotState) => {
    const [, index = '0', of = '1'] = NAME.exec(slot) ?? [];
    return Number(of) === shards ? Number(index) : undefined;
  };
  return {
    shards: Array.from({ length: shards }, (_, index) => ({
      index,
      slot: slots.find((slot) => placeOf(slot) === index),
    })),
    others: slots.filter((slot) => placeOf(slot) === undefined),
  };
}

/** What is wrong with a shard, in a word or two; undefined where nothing is. */
export function faultOf({ slot }: Shard): string | undefined {
  if (!slot) return 'nobody has led it yet';
  if (slot.active === null) return 'no slot';
  if (slot.rebuild_reason) return 'to be dispatched anew';
  return slot.active ? undefined : 'nobody leads';
}

/** All shards at a glance: one that lags or has no leader is seen among the others. */
export function ShardTable({ shards }: { shards: readonly Shard[] }) {
  const ill = shards.filter((shard) => faultOf(shard)).length;
  const title =
    ill === 0 ? `${shards.length} shards, all streaming` : `${ill} of ${shards.length} shards do not stream`;
  return h(
    Card,
    { title },
    h(Table<Shard>, {
      caption: 'Shards of the outbox',
      rows: shards,
      keyOf: ({ index }) => String(index),
      empty: '',
      columns: [
        { name: 'Shard', cell: ({ index }) => String(index), numeric: true },
        {
          name: 'State',
          cell: (shard) => {
            const fault = faultOf(shard);
            return fault ? h('span', { class: 'problem' }, fault) : 'streaming';
          },
        },
        { name: 'Leader', cell: ({ slot }) => slot?.leader ?? '–' },
        { name: 'Term', cell: ({ slot }) => slot?.term ?? '–', numeric: true },
        { name: 'Behind', cell: ({ slot }) => format.bytes(slot?.behind_bytes ?? null), numeric: true },
        {
          name: 'Log retained',
          cell: ({ slot }) => format.bytes(slot?.retained_bytes ?? null),
          numeric: true,
        },
      ],
    }),
  );
}
