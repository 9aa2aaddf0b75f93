import { expect, test } from 'vitest';
import type { ServerFacts, SlotFacts, StandbyFacts } from '../../../adapters/postgres/sql/inspect.ts';
import { judgeTopics } from '../../../cli/doctor/cluster.ts';
import { judgePooling } from '../../../cli/doctor/connection.ts';
import { judgePrimarySide, judgeStandby } from '../../../cli/doctor/failover.ts';
import type { Finding } from '../../../cli/doctor/finding.ts';
import { judgeReplication, judgeServer } from '../../../cli/doctor/server.ts';
import { judgeSlot } from '../../../cli/doctor/stream.ts';
import type { Topic } from '../../../events/ids.ts';

const server: ServerFacts = {
  version: 170_006,
  version_text: '17.6',
  role: 'Relay User',
  database: 'workflow',
  is_standby: false,
  may_replicate: true,
  wal_level: 'logical',
  max_replication_slots: 10,
  slots: 1,
  max_wal_senders: 10,
  wal_senders: 2,
  max_slot_wal_keep_size: 20_480,
  wal_sender_timeout: 60_000,
  synchronized_standby_slots: 'standby_1',
  standby_slots: ['standby_1'],
  clock_ms: 1_000_000,
};

function judge(facts: Partial<ServerFacts>, hostMs = 1_000_000): Finding[] {
  const all = { ...server, ...facts };
  return [...judgeServer(all, { hostMs }), ...judgeReplication(all, [slot]), ...judgePrimarySide(all)];
}

test('a server in order is in order', () => {
  expect(judge({}).filter(({ state }) => state !== 'ok')).toEqual([]);
});

test.each<[string, Partial<ServerFacts>, string, string, string | undefined]>([
  ['too old', { version: 140_009 }, 'version', 'failure', undefined],
  ['without the last fixes', { version: 150_013 }, 'version', 'warning', undefined],
  ['a standby', { is_standby: true }, 'primary', 'failure', undefined],
  ['five seconds ahead', { clock_ms: 1_005_000 }, 'clock', 'warning', 'sudo chronyc makestep'],
  [
    'without slots',
    { slots: 10 },
    'replication_slots',
    'warning',
    'alter system set max_replication_slots = 14',
  ],
  ['without senders', { wal_senders: 10 }, 'wal_senders', 'failure', 'alter system set max_wal_senders = 14'],
  ['without a role', { may_replicate: false }, 'role', 'failure', 'alter role "Relay User" replication'],
  [
    'that waits for no standby',
    { synchronized_standby_slots: '' },
    'synchronized_standby_slots',
    'warning',
    `alter system set synchronized_standby_slots = 'standby_1'`,
  ],
])('a server %s', (_, facts, check, state, command) => {
  const wrong = judge(facts).filter((finding) => finding.state !== 'ok');
  expect(wrong).toEqual([expect.objectContaining({ check, state })]);
  if (command !== undefined) expect(wrong[0]?.mend?.run[0]).toBe(command);
});

test('three shards need a slot and a connection each, until they are there', () => {
  const full = { ...server, slots: 8, wal_senders: 8 };
  const failing = (shards: readonly (SlotFacts | undefined)[]) =>
    judgeReplication(full, shards).flatMap(({ state, check }) => (state === 'failure' ? [check] : []));
  expect(failing([undefined, undefined, undefined])).toEqual(['replication_slots', 'wal_senders']);
  expect(failing([slot, { ...slot, active: false }, undefined])).toEqual([]);
});

test('before version 17 nothing is asked of failovers', () => {
  expect(judgePrimarySide({ ...server, synchronized_standby_slots: null })).toEqual([]);
});

const standby: StandbyFacts = {
  is_standby: true,
  sync_replication_slots: 'on',
  hot_standby_feedback: 'on',
  primary_slot_name: 'standby_1',
  names_database: true,
};

test.each<[string, Partial<StandbyFacts>, string | undefined]>([
  ['copies no slots', { sync_replication_slots: 'off' }, 'alter system set sync_replication_slots = on'],
  ['gives no feedback', { hot_standby_feedback: 'off' }, 'alter system set hot_standby_feedback = on'],
  ['has no slot', { primary_slot_name: '' }, `alter system set primary_slot_name = 'standby_1'`],
  ['names no database', { names_database: false }, undefined],
  ['is too old for it', { sync_replication_slots: null }, undefined],
])('a standby that %s', (_, facts, command) => {
  const findings = judgeStandby('b', { ...standby, ...facts });
  expect(findings.map(({ state, mend }) => [state, mend?.run[0]])).toEqual([['warning', command]]);
});

test('a standby in order, and a server that is none', () => {
  expect(judgeStandby('b', standby)).toEqual([expect.objectContaining({ state: 'ok' })]);
  expect(judgeStandby('b', { ...standby, is_standby: false })[0]?.state).toBe('failure');
});

const stream = { slot: 's', publication: 'p', rowFilter: null };
const slot: SlotFacts = {
  plugin: 'pgoutput',
  database: 'workflow',
  is_ours: true,
  active: true,
  wal_status: 'reserved',
  two_phase: false,
  failover: true,
  retained_bytes: 0,
};

test.each<[string, Partial<SlotFacts>, string[]]>([
  ['is read', {}, ['ok']],
  ['is given up', { wal_status: 'lost', active: false }, ['warning']],
  ['is about to be', { wal_status: 'unreserved' }, ['warning']],
  ['is of prepared transactions', { two_phase: true }, ['ok', 'failure']],
  ['follows no failover', { failover: false }, ['ok', 'warning']],
])('a slot that %s', (_, facts, states) => {
  const found = judgeSlot(stream, { ...slot, ...facts }, { knowsFailover: true, hasLed: true });
  expect(found.map(({ state }) => state)).toEqual(states);
});

test('a slot that was there and is gone is told from one that is not yet', () => {
  const context = { knowsFailover: true, hasLed: false };
  expect(judgeSlot(stream, undefined, context)[0]?.state).toBe('ok');
  expect(judgeSlot(stream, undefined, { ...context, hasLed: true })[0]?.state).toBe('warning');
});

test('a pooler in session mode is one, too', () => {
  expect(judgePooling('session', true).state).toBe('failure');
  expect(judgePooling('session', false).state).toBe('warning');
});

test.each([
  ['all that is wanted', {}, []],
  ['one copy of three', { replicas: 1, inSync: 1, minInSync: 1 }, ['kafka-reassign-partitions.sh']],
  ['one partition', { partitions: 1 }, ['kafka-topics.sh']],
  ['an ack of one', { minInSync: 1 }, ['kafka-configs.sh']],
  ['too few copies in step', { inSync: 1 }, ['']],
  ['settings that cannot be seen', { minInSync: undefined, maxMessageBytes: undefined }, ['kafka-acls.sh']],
])('a topic with %s', (_, facts, tools) => {
  const topic = 'workflow.jobs.a' as Topic;
  const good = { topic, partitions: 6, replicas: 3, inSync: 3, minInSync: 2, maxMessageBytes: 1_048_588 };
  const source = { kind: 'seeds', brokers: ['b:9092'] } as const;
  const config = { transport: 'plaintext', source, client: 'direct' } as const;
  const found = judgeTopics(
    { brokers: 3, topics: [{ ...good, ...facts }] },
    { config, topics: [topic], batchBytes: 786_432 },
  ).filter(({ state }) => state !== 'ok');
  expect(found.map(({ mend }) => mend?.run[0]?.split(' ')[0] ?? '')).toEqual(tools);
});
