import type { ClaimToken, InstanceId, JobId, StepId } from '../../events/ids.ts';
import type { AuditEntry, Commit, CommitUnit, NewInstance, NewJob } from '../commit.ts';
import type { JobRecord, JobStatus } from '../job.ts';
import type { JobPolicy } from '../job-policy.ts';
import type { LimitUsage } from '../limits.ts';
import type { DefinitionRecord, DefinitionSource } from '../workflow/definitions.ts';
import type { HistoryEntry } from '../workflow/effects.ts';
import type { InstanceRecord } from '../workflow/instance-record.ts';
import type { InstanceStatus } from '../workflow/state.ts';
import type { PagedReads } from './paged-reads.ts';
import type { ScheduleStore } from './schedule-store.ts';

/**
 * Where jobs and instances live. Every implementation passes `test/conformance/record-store.suite.ts`, whose clauses are:
 *
 * 1. `enqueue` writes each job once; with a known idempotency key it writes nothing and answers with the first job, or
 *    with `conflict` when the request differed. Of any number of concurrent calls with one key, one creates.
 * 2. `enqueue` with `allOrNone` writes nothing at all when one of the jobs conflicts.
 * 3. `claim` gives a queued job to exactly one caller, raises its attempt and gives a new token; for any other job it says
 *    what state it is in, or that it is not there. Repeated under its claim id while the attempt runs, it gives the same
 *    token again and changes nothing.
 * 4. `complete` finishes jobs that stand alone and hold the token; repeating it with the same token gives the same answer.
 * 5. `commit` applies a unit whole or not at all; a unit whose expectation no longer holds is `conflict`, and its
 *    neighbours are unaffected. Of two concurrent units for one job or one instance version, one is applied.
 * 6. `heartbeat` extends a lease only for the current token of a running job.
 * 7. A job that goes to dispatch through a broker has its outbox row in the same transaction, and none otherwise.
 * 8. Lists are ordered newest first, and paging through them with the cursor meets every job once.
 * 9. `poll` gives each queued job of the types to exactly one caller, those of the highest priority first and the oldest of
 *    these, never more than asked for, and passes over what another caller takes at this moment. Asked again under its
 *    claim id it gives the leases that it gave before, from now on, and takes nothing more. While more wait than callers take,
 *    one that is queued behind what was taken already (a retry, a redrive, a late commit) may be given later than it is due, but
 *    is given in the end; never one of a higher priority, and none where a poll comes back with less than it asked for.
 * 10. `giveBack` queues anew what is held under the very lease it is given, as though it had never been taken: attempt and
 *    place in the turn are as before, the token proves nothing. What was extended or given again since stays where it is.
 * 11. A unit that ends jobs of its instance ends those that have not ended, in the same transaction, and records each. User
 *    tasks, history and messages are written with their unit; a message is given out until the unit that took it.
 * 12. `deadLetterIds` and `listDeadLetters` find the dead letters that the filter describes, and nothing else: the first
 *    oldest first, the second newest first. A commit with `freshRetries` gives such a job its whole budget of retries again,
 *    and no other move does.
 * 13. The purges remove what ended longer ago than they are told, never anything open, at most `limit` at a time; of an
 *    instance all or nothing. `nextDueMs` is the time left to the soonest waiting job.
 * 14. `listInstances` is newest first, and gives what the filter describes.
 * 15. That of {@link ScheduleStore}.
 * 16. `enqueue` of a job with a unique key leaves one open job of its type and key that has not begun, however many ask at once,
 *     and does with the one that it finds what `decideUnique` says; `joined` names the job that stands for the new one.
 * 17. `admit` gives every line its turn, counts what is queued or running and what has started, also by attempts that are over,
 *     and of admissions at the same time lets one decide. Neither `dueJobs` nor `nextDueMs` sees jobs with limits.
 * 18. `putDefinition` gives each new document the next version of its id, and a known one the version that it has. `start` keeps
 *     those that instances bring with them once, the purge removes them with the last instance, and no list has them.
 * 19. `dueInstances` gives those whose time has come or that have a message, and `nextInstanceDueMs` is the time left to
 *    the soonest.
 *
 * 20. A unit with `claimedBy` is the claim and the end of a queued job's attempt in one; `attemptIsLost` gives the job one attempt
 *    more. A poll that is `lenient` marks the lease, a claim unmarks it.
 * 21. Those of {@link PagedReads} give the page asked for, and count all that the filter describes.
 *
 * All deadlines are set and compared by the store's own clock. Arrays of up to 1,000 are one statement, and answers come
 * in the order of the requests.
 */
export interface RecordStore extends DefinitionSource, PagedReads {
  /** Those that are known already stay as they are, unless policies are given: then each type has the one given, or none. */
  registerTypes(types: readonly StepId[], policies?: ReadonlyMap<StepId, JobPolicy>): Promise<void>;
  /** Of the types that have one. */
  listPolicies(): Promise<TypePolicy[]>;
  listTypes(): Promise<StepId[]>;

  enqueue(jobs: readonly NewJob[], options?: { readonly allOrNone?: boolean }): Promise<EnqueueOutcome[]>;
  start(instances: readonly NewInstance[]): Promise<void>;

  claim(request: ClaimRequest): Promise<ClaimOutcome[]>;
  poll(request: PollRequest): Promise<JobRecord[]>;
  /** @param taken as `poll` gave them, to a caller who has gone. @returns how many it queued */
  giveBack(taken: readonly JobRecord[]): Promise<number>;
  readonly schedules: ScheduleStore;

  heartbeat(leases: readonly LeaseProof[], leaseMs: number): Promise<HeartbeatOutcome[]>;
  complete(completions: readonly Completion[]): Promise<CompleteOutcome[]>;
  commit(commit: Commit): Promise<CommitOutcome[]>;
  audit(entries: readonly AuditEntry[]): Promise<void>;
  recordUndecodable(records: readonly UndecodableRecord[]): Promise<void>;

  getJobs(ids: readonly JobId[]): Promise<JobRecord[]>;
  loadInstance(id: InstanceId): Promise<InstanceRecord | undefined>;
  /** With all its jobs and all that it has done. */
  getInstance(id: InstanceId): Promise<InstanceDetail | undefined>;
  /** Jobs with the instance of those that are a step, for deciding. Unknown ids are absent from the answer. */
  load(ids: readonly JobId[]): Promise<LoadedJob[]>;
  listJobs(filter: JobFilter): Promise<JobRecord[]>;
  listAudit(subject: { jobId: JobId } | { instanceId: InstanceId }): Promise<AuditRecord[]>;
  counts(): Promise<StoreCounts>;

  /** Jobs without limits whose `run_at` has come and that wait for it (`pending`, `retrying`), soonest first. */
  dueJobs(limit: number): Promise<JobRecord[]>;
  /** How long until the next waiting job without limits is due, in milliseconds, at least 0; undefined when none waits. */
  nextDueMs(): Promise<number | undefined>;
  /**
   * Gives due jobs with limits that wait, some of each line in the order of their turn, and what their limits are held
   * against; applies what is decided. Of two at once, one gives and the other finds nothing. @returns how many units applied
   */
  admit(
    limit: number,
    decide: (waiting: readonly JobRecord[], usage: LimitUsage) => readonly CommitUnit[],
  ): Promise<number>;
  /** How long until time alone may let another in, in milliseconds, at least 0; undefined when it will not. */
  nextAdmissionMs(): Promise<number | undefined>;
  /** Running jobs whose lease has run out. */
  expiredLeases(limit: number): Promise<LoadedJob[]>;
  /** True while new jobs are queued without a message to the broker, because the way there is held up: they may be polled. */
  dispatchFallback(): Promise<boolean>;
  /** Queued jobs whose message was never written: they were queued, or queued again, in polling mode. None during a fallback. */
  undispatchedJobs(limit: number): Promise<JobRecord[]>;
  /** Queued jobs nobody claimed for this long, and of a type with a backlog for as much longer. None during a fallback. */
  unclaimedJobs(olderThanMs: number, limit: number, backlogsMs?: BacklogAges): Promise<JobRecord[]>;

  /** Running ones that a timer or a message waits for, soonest first. */
  dueInstances(limit: number): Promise<DueInstance[]>;
  nextInstanceDueMs(): Promise<number | undefined>;
  putDefinition(definition: NewDefinition): Promise<DefinitionRecord>;
  /** The latest version of each, in the order of ids. */
  listDefinitions(filter: DefinitionFilter): Promise<DefinitionRecord[]>;
  /** Open ones, oldest first. */
  listUserTasks(filter: UserTaskFilter): Promise<UserTask[]>;
  /** Newest first. */
  listInstances(filter: InstanceFilter): Promise<InstanceSummary[]>;
  listDeadLetters(filter: DeadLetterFilter, page: Page<'before'>): Promise<JobRecord[]>;
  deadLetterIds(filter: DeadLetterFilter, page: Page<'after'>): Promise<JobId[]>;
  /** Jobs that stand alone; those of an instance go with it. */
  purgeJobs(ages: PurgeAges, range: PurgeRange): Promise<Purged>;
  purgeInstances(ages: PurgeAges, range: PurgeRange): Promise<Purged>;
  /** @returns how many audit entries and undecodable records it removed */
  purgeTrail(olderThanMs: number, limit: number): Promise<number>;
}

/** By type, for how long messages may have waited in the broker for their workers, in milliseconds. */
export type BacklogAges = ReadonlyMap<StepId, number>;

export interface InstanceDetail {
  readonly instance: InstanceRecord;
  /** In the order of their activations. */
  readonly jobs: readonly JobRecord[];
  /** In the order in which things ended. */
  readonly history: readonly HistoryEntry[];
}

export interface DueInstance {
  readonly instance: InstanceRecord;
  /** The oldest that has come. */
  readonly message?: { readonly id: string; readonly text: string } | undefined;
}

export interface NewDefinition {
  readonly id: string;
  readonly name: string;
  /** JSON text. */
  readonly document: string;
  /** SHA-256 of what makes two documents the same. */
  readonly hash: Buffer;
}

export interface DefinitionFilter {
  /** In the id or the name, in upper or lower case. */
  readonly keyword?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface UserTaskFilter {
  readonly instanceId?: InstanceId | undefined;
  readonly step?: string | undefined;
  readonly limit: number;
}

export interface UserTask {
  readonly instanceId: InstanceId;
  readonly activation: number;
  readonly step: string;
  readonly name: string;
  readonly workflow: string;
  readonly foreignId: string | null;
  readonly openedAt: Date;
}

export interface TypePolicy {
  readonly type: StepId;
  readonly policy: JobPolicy;
}

export interface InstanceFilter {
  readonly status?: InstanceStatus | undefined;
  readonly name?: string | undefined;
  readonly foreignId?: string | undefined;
  /** Only instances older than this one. */
  readonly before?: InstanceId | undefined;
  readonly limit: number;
}

/** An instance without what its steps took and gave. */
export type InstanceSummary = Pick<
  InstanceRecord,
  | 'id'
  | 'name'
  | 'foreignId'
  | 'definition'
  | 'status'
  | 'currentStep'
  | 'totalSteps'
  | 'failureReason'
  | 'createdAt'
  | 'updatedAt'
  | 'completedAt'
>;

export interface DeadLetterFilter {
  readonly ids?: readonly JobId[] | undefined;
  readonly type?: StepId | undefined;
  /** When the job became a dead letter. */
  readonly endedAfter?: Date | undefined;
  readonly endedBefore?: Date | undefined;
  /** In the last error, in upper or lower case. */
  readonly errorContains?: string | undefined;
}

export type Page<Bound extends 'before' | 'after'> = { readonly limit: number } & {
  readonly [key in Bound]?: JobId | undefined;
};

/** How long to keep what has ended, in milliseconds; undefined is for ever. */
export interface PurgeAges {
  /** Completed and cancelled. */
  readonly completedMs?: number | undefined;
  /** Dead letters, failed instances. */
  readonly failedMs?: number | undefined;
}

/** Ids are walked in order, at most `limit` of them a call, so that no call takes long, whatever it finds. */
export interface PurgeRange {
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface Purged {
  readonly removed: number;
  /** Where to go on; undefined when the walk has come to its end. */
  readonly next: string | undefined;
}

export type EnqueueOutcome =
  | { readonly kind: 'created' }
  | { readonly kind: 'replayed'; readonly job: JobRecord }
  | { readonly kind: 'joined'; readonly job: JobRecord }
  | { readonly kind: 'conflict'; readonly jobId: JobId }
  /** With `allOrNone`: not written because of another job of the same call. */
  | { readonly kind: 'not_written' };

export interface ClaimRequest {
  /**
   * Chosen by the claimant, 128 random bits, a UUID: the tokens are made from it, so that a claim whose answer was lost can
   * be repeated and gets the same leases again.
   */
  readonly claimId: string;
  readonly ids: readonly JobId[];
  readonly workerId: string;
  readonly leaseMs: number;
}

export interface PollRequest {
  readonly types: readonly StepId[];
  /** At most so many jobs. */
  readonly limit: number;
  /** No further job once the payloads have this many bytes together; the first is given whatever its size. */
  readonly payloadBytes: number;
  readonly workerId: string;
  readonly leaseMs: number;
  /** As for a claim. */
  readonly claimId: string;
  /** See {@link JobRecord.lenientLease}. */
  readonly lenient?: boolean;
  /** The answer to this poll may have been lost: give what it took, and nothing new. */
  readonly again?: boolean;
}

export type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly job: JobRecord }
  /** `attempt`: how many have begun. A dispatch of a later one has overtaken its commit, and the claim must be repeated. */
  | { readonly kind: 'not_claimable'; readonly status: JobStatus; readonly attempt: number }
  | { readonly kind: 'not_found' };

export interface LeaseProof {
  readonly id: JobId;
  readonly token: ClaimToken;
}

export type HeartbeatOutcome =
  | { readonly kind: 'extended'; readonly leaseUntil: Date }
  | { readonly kind: 'lost'; readonly status: JobStatus }
  | { readonly kind: 'not_found' };

export interface Completion extends LeaseProof {
  /** JSON text. */
  readonly result: string;
}

export type CompleteOutcome =
  /** `repeated`: it was so before, under this token. */
  | { readonly kind: 'completed'; readonly repeated?: true }
  /** A step of an instance, running under this token: completing it takes a decision, so it is left as it is, and given. */
  | { readonly kind: 'step'; readonly loaded: LoadedJob }
  /** Not running under this token. */
  | { readonly kind: 'refused'; readonly status: JobStatus }
  | { readonly kind: 'not_found' };

export type CommitOutcome = 'applied' | 'conflict';

export interface LoadedJob {
  readonly job: JobRecord;
  readonly instance: InstanceRecord | undefined;
}

export interface JobFilter {
  readonly status?: JobStatus | undefined;
  readonly type?: StepId | undefined;
  /**
   * In its id, keys, worker, last error or payload, in upper or lower case. Among the {@link TEXT_SEARCH_DEPTH} newest jobs
   * that the rest describes: it must not read millions.
   */
  readonly text?: string | undefined;
  /** Only jobs older than this one. */
  readonly before?: JobId | undefined;
  /** Only jobs newer than this one. */
  readonly after?: JobId | undefined;
  readonly limit: number;
}

export const TEXT_SEARCH_DEPTH = 20_000;

export interface AuditRecord {
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  /** JSON text. */
  readonly detail: string;
}

export interface UndecodableRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly reason: string;
}

/** Gauges for the metrics page. */
export interface StoreCounts {
  readonly queueDepth: number;
  readonly deadLetterDepth: number;
  readonly running: number;
}
