/** A known bug, as the text that brings it in. */
export interface Mutation {
  readonly id: string;
  readonly bug: string;
  readonly file: string;
  /** Occurs once in the file; short, so that other changes leave it alone. */
  readonly find: string;
  readonly replace: string;
  /** What must fail: the project of vitest, a file, and some of the names of its tests. */
  readonly caughtBy: {
    readonly project: 'unit' | 'int' | 'chaos';
    readonly file: string;
    readonly tests?: string;
  };
}

const simulation = { project: 'unit', file: 'test/unit/relay-cdc/simulation' } as const;
const conformance = { project: 'int', file: 'test/conformance/record-store.postgres.int.test.ts' } as const;
const dispatching = { project: 'unit', file: 'test/unit/relay-cdc/dispatcher.unit.test.ts' } as const;

/** Bugs of other relays and engines, numbered as in the study of them. Each must be caught by a test named here. */
export const mutations: readonly Mutation[] = [
  {
    id: 'M1',
    bug: 'confirms what was received',
    file: 'relay-cdc/stream-position.ts',
    find: 'flushed: this.#confirmed',
    replace: 'flushed: this.#received',
    caughtBy: simulation,
  },
  {
    id: 'M2',
    bug: 'confirms one more than the end of a commit',
    file: 'relay-cdc/ack-tracker.ts',
    find: 'this.#watermark = laterOf(this.#watermark, first.endLsn);',
    replace: 'this.#watermark = laterOf(this.#watermark, (first.endLsn + 1n) as Lsn);',
    caughtBy: simulation,
  },
  {
    id: 'M3',
    bug: 'confirms the newest acknowledged commit, not the unbroken run',
    file: 'relay-cdc/ack-tracker.ts',
    find: 'first.endLsn === undefined || first.unacked > 0',
    replace: 'first.endLsn === undefined',
    caughtBy: simulation,
  },
  {
    id: 'M4',
    bug: 'starts where the server stands, not where the last term had confirmed',
    file: 'relay-cdc/term-rules.ts',
    find: 'recorded <= written ? laterOf(confirmed, recorded)',
    replace: 'recorded <= written ? laterOf(confirmed, written)',
    caughtBy: simulation,
  },
  {
    id: 'M5',
    bug: 'swallows an error of a publish',
    file: 'relay-cdc/dispatcher.ts',
    find: 'await lane.publish(rows);',
    replace: 'await lane.publish(rows).catch(() => undefined);',
    caughtBy: dispatching,
  },
  {
    id: 'M6',
    bug: 'lets go of the lock before the hand-over',
    file: 'relay-cdc/term-rules.ts',
    find: "event === 'stop' ? 'ending_duties'",
    replace: "event === 'stop' ? 'over'",
    caughtBy: simulation,
  },
  {
    id: 'M7',
    bug: 'publishes without idempotence',
    file: 'adapters/kafka/direct-publisher.ts',
    find: 'const identity = { ...this.#producer, baseSequence };',
    replace:
      'const identity = { producerId: -1n, producerEpoch: -1, baseSequence: -1 * Math.min(1, baseSequence + 1) };',
    caughtBy: { project: 'chaos', file: 'test/chaos/lost-answers.chaos.test.ts' },
  },
  {
    id: 'M8',
    bug: 'chooses the partition at random',
    file: 'adapters/kafka/partitioner.ts',
    find: 'return hash ^ (hash >>> 15);',
    replace: 'return (hash * 0) ^ Math.floor(Math.random() * 0x7fffffff);',
    caughtBy: { project: 'unit', file: 'test/unit/adapters/kafka/partitioner.unit.test.ts' },
  },
  {
    id: 'M9',
    bug: 'takes a job that is not found for one that is done',
    file: 'sdk/worker/partition-run.ts',
    find: 'return this.#notFound(entry);',
    replace: 'return;',
    caughtBy: { project: 'unit', file: 'test/unit/sdk/worker' },
  },
  {
    id: 'M10',
    bug: 'completes without the token of the attempt',
    file: 'adapters/postgres/sql/complete.ts',
    find: 'jobs.id = input.id and jobs.token = input.token',
    replace: 'jobs.id = input.id',
    caughtBy: { ...conformance, tests: 'refuses another token' },
  },
  {
    id: 'M12',
    bug: 'takes a lease for expired by a clock other than the database’s',
    file: 'adapters/postgres/sql/read.ts',
    find: 'jobs.lease_until < clock_timestamp()',
    replace: "jobs.lease_until < clock_timestamp() + interval '2 hours'",
    caughtBy: { ...conformance, tests: 'a lease is expired once it has run out' },
  },
  {
    id: 'M13',
    bug: 'counts a row as stored before the broker says so',
    file: 'relay-cdc/dispatcher.ts',
    find: 'await lane.publish(rows);\n      metrics.acked(rows);\n      core.published();',
    replace: 'core.published();\n      await lane.publish(rows);\n      metrics.acked(rows);',
    caughtBy: dispatching,
  },
  {
    id: 'M14',
    bug: 'leaves the session of a leader without the lock on the slot',
    file: 'relay-cdc/slot.ts',
    find: 'select active_pid as pid, pg_terminate_backend(active_pid)',
    replace: 'select active_pid as pid',
    caughtBy: {
      project: 'int',
      file: 'test/int/relay-cdc/leadership.int.test.ts',
      tests: 'a session left behind on the slot',
    },
  },
  {
    id: 'M16',
    bug: 'a key that is known is no hindrance to writing',
    file: 'adapters/postgres/sql/enqueue.ts',
    find: 'on conflict do nothing',
    replace: '',
    caughtBy: { ...conformance, tests: 'idempotency|known key|same key|one key|replay' },
  },
  {
    id: 'M17',
    bug: 'counts no attempt whose lease ran out',
    file: 'engine/failure.ts',
    find: 'failure.lost || job.attempt',
    replace: 'failure.lost || failure.leaseExpired || job.attempt',
    caughtBy: { project: 'unit', file: 'test/unit/engine/commands/commands.unit.test.ts' },
  },
  {
    id: 'M18',
    bug: 'reports the last failed offset of a partition, not the first',
    file: 'sdk/worker/partition-run.ts',
    find: 'offset < this.#failedAt',
    replace: 'offset > this.#failedAt',
    caughtBy: { project: 'unit', file: 'test/unit/sdk/worker' },
  },
  {
    id: 'M19',
    bug: 'believes the keepalive with transactions under way',
    file: 'relay-cdc/ack-tracker.ts',
    find: 'if (this.inFlight === 0) this',
    replace: 'if (this.inFlight >= 0) this',
    caughtBy: simulation,
  },
  {
    id: 'M20',
    bug: 'publishes on after standing still for as long as the server waits',
    file: 'relay-cdc/term-rules.ts',
    find: "return phase !== 'over' && isCurrent;",
    replace: "return phase !== 'over' && (isCurrent || true);",
    caughtBy: simulation,
  },
  {
    id: 'M21',
    bug: 'forgives a job the attempts it has had whenever it moves',
    file: 'adapters/postgres/sql/commit.ts',
    find: 'else jobs.attempt_base',
    replace: 'else jobs.attempt',
    caughtBy: { ...conformance, tests: 'no attempt forgiven' },
  },
  {
    id: 'M22',
    bug: 'clears rows by their numbers on whatever server answers after a failover',
    file: 'relay-cdc/sql/clear-outbox.ts',
    find: 'extract(epoch from pg_postmaster_start_time()) = $9::numeric',
    replace: '$9::numeric is not null',
    caughtBy: {
      project: 'chaos',
      file: 'test/chaos/lagging-standby.chaos.test.ts',
      tests: 'nothing runs that was published',
    },
  },
  {
    id: 'M23',
    bug: 'dates a sign of life from after it was written, however long the process stood still in between',
    file: 'relay-cdc/reporter.ts',
    find: 'send(ping);\n    liveness.sent(begunAt);',
    replace: 'send(ping);\n    liveness.sent();',
    caughtBy: {
      project: 'unit',
      file: 'test/unit/relay-cdc/reporter.unit.test.ts',
      tests: 'in the midst of a report',
    },
  },
];

/** Bugs of the list that cannot be brought in here. */
export const notApplicable: Readonly<Record<string, string>> = {
  M11: 'The sweeping roles run on the leader alone, one at a time, and their statements guard the state of each row.',
  M15: 'The publication holds inserts only, so that no TRUNCATE is in the stream; an unknown message ends the session.',
};
