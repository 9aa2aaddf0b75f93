import { h } from 'preact';
import * as format from './format.ts';
import { useLive } from './live.ts';
import { Card, Facts, Loaded, Page, When } from './parts.ts';
import type { Relay } from './shapes.ts';
import { ShardTable, type SlotState, shardsOf } from './shards.ts';

export function RelayPage() {
  const live = useLive<Relay>('/api/v1/relay');
  return h(Page, { title: 'Relay' }, h(Loaded<Relay>, { live, show: (relay) => h(Shown, { relay }) }));
}

function Shown({ relay }: { relay: Relay }) {
  const { shards, others } = shardsOf(relay);
  return h(
    'div',
    null,
    relay.mode === 'polling' &&
      h('p', null, 'This installation polls: no relay is needed, and no slot holds back the log.'),
    h(Facts, {
      facts: [
        ['Dispatch', relay.mode === 'polling' ? 'polling' : 'Kafka, from the outbox'],
        ['Shards', relay.resharding ? `${relay.shards}, being changed` : String(relay.shards)],
        ['Write-ahead log', relay.wal_pressure],
        [
          'Its budget',
          relay.wal_budget_bytes === null ? "the server's limit" : format.bytes(relay.wal_budget_bytes),
        ],
        ['Fallback to polling', relay.fallback ? 'on' : 'off'],
        ['Undecodable records', format.count(relay.undecodable_records)],
      ],
    }),
    shards.length > 1 && h(ShardTable, { shards }),
    shards.map(({ slot }) => slot && h(Slot, { key: slot.slot, slot })),
    others.map((slot) => h(Slot, { key: slot.slot, slot, isOther: true })),
  );
}

function Slot({ slot, isOther = false }: { slot: SlotState; isOther?: boolean }) {
  return h(
    Card,
    { title: `Slot ${slot.slot}` },
    isOther &&
      h(
        'p',
        { class: 'problem' },
        'Of another number of shards than there are now. Unless a change is under way, millrace doctor says how to remove it.',
      ),
    slot.active === null &&
      h(
        'p',
        { class: 'problem' },
        'The server has no such slot. The next leader makes it, and dispatches the outbox anew.',
      ),
    slot.rebuild_reason && h('p', { class: 'problem' }, `To be dispatched anew: ${slot.rebuild_reason}`),
    h(Facts, {
      facts: [
        ['Streaming', slot.active === null ? 'no slot' : slot.active ? 'yes' : 'no: nobody leads'],
        ['Leader', slot.leader],
        ['Term', slot.handed_over ? `${slot.term}, handed over` : slot.term],
        ['Watermark', slot.watermark && h('code', null, slot.watermark)],
        ['Confirmed to the slot', slot.confirmed_lsn && h('code', null, slot.confirmed_lsn)],
        ['Behind', format.bytes(slot.behind_bytes)],
        ['Log retained', format.bytes(slot.retained_bytes)],
        ['Log status', slot.wal_status],
        ['Written', h(When, { at: slot.updated_at })],
      ],
    }),
  );
}
