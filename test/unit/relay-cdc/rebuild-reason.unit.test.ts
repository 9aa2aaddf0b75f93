import { expect, test } from 'vitest';
import type { Lsn, Term } from '../../../events/ids.ts';
import { rebuildReason } from '../../../relay-cdc/prepare-slot.ts';

const identity = { systemId: '7', timeline: 1, position: 100n as Lsn, serverStart: '0' };
const before = {
  term: 3n as Term,
  systemId: '7',
  timeline: 1,
  confirmed: 50n as Lsn,
  rebuildReason: undefined,
  handedOver: true,
};
const slot = { confirmed: 50n as Lsn, lost: false, activePid: undefined };

test.each([
  ['all as it was left', { before, slot, identity }, undefined],
  ['nothing was ever there', { before: undefined, slot: undefined, identity }, 'first_start'],
  ['a slot of the name that no term made', { before: undefined, slot, identity }, 'slot_unknown'],
  ['the slot is gone', { before, slot: undefined, identity }, 'slot_missing'],
  ['the slot is invalidated', { before, slot: { ...slot, lost: true }, identity }, 'slot_lost'],
  ['another system', { before, slot, identity: { ...identity, systemId: '8' } }, 'system_changed'],
  ['another timeline', { before, slot, identity: { ...identity, timeline: 2 } }, 'timeline_changed'],
  [
    'one begun and not finished',
    { before: { ...before, rebuildReason: 'unfinished' }, slot, identity },
    'unfinished',
  ],
  [
    'the slot was given up to spare the disk',
    { before: { ...before, rebuildReason: 'wal_budget' }, slot: undefined, identity },
    'wal_budget',
  ],
  [
    'the publication was found altered',
    { before: { ...before, rebuildReason: 'publication_altered' }, slot, identity },
    'publication_altered',
  ],
  [
    'the first one begun and not finished',
    { before: { ...before, confirmed: undefined, rebuildReason: 'first_start' }, slot, identity },
    'first_start',
  ],
])('%s', (_, found, reason) => {
  expect(rebuildReason(found)).toBe(reason);
});
