import { randomUUID } from 'node:crypto';
import type { CommitUnit } from '../../../engine/commit.ts';
import type { LeaseProof, RecordStore } from '../../../engine/ports/record-store.ts';

/** A store with some of its methods replaced. */
export function withFault<Port extends object>(store: Port, fault: Partial<Port>): Port {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(fault, name) ?? Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(name in fault ? fault : target) : member;
    },
  });
}

/** Lets the decision be made on a version that is no longer the current one. */
export function ignoresTheVersion(store: RecordStore): RecordStore {
  return withFault(store, {
    commit: async ({ units }) => {
      const current = await Promise.all(
        units.map(
          async ({ instance }) => instance && (await store.getInstance(instance.id))?.instance.version,
        ),
      );
      return store.commit({
        units: units.map((unit, index) =>
          unit.instance
            ? { ...unit, instance: { ...unit.instance, expectedVersion: current[index] ?? 1 } }
            : unit,
        ),
      });
    },
  });
}

/** Believes every token. */
export function ignoresTheToken(store: RecordStore): RecordStore {
  const trusted = async <T extends LeaseProof>(proofs: readonly T[]): Promise<T[]> => {
    const jobs = new Map((await store.getJobs(proofs.map(({ id }) => id))).map((job) => [job.id, job]));
    return proofs.map((proof) => ({ ...proof, token: jobs.get(proof.id)?.token ?? proof.token }));
  };
  return withFault(store, {
    complete: async (completions) => store.complete(await trusted(completions)),
    heartbeat: async (leases, leaseMs) => store.heartbeat(await trusted(leases), leaseMs),
    commit: ({ units }) => store.commit({ units: units.map(withoutToken) }),
  });
}

function withoutToken(unit: CommitUnit): CommitUnit {
  if (!unit.job) return unit;
  const { token: _, ...expect } = unit.job.expect;
  return { ...unit, job: { ...unit.job, expect } };
}

/** Gives a running job to whoever asks. */
export function claimsTwice(store: RecordStore): RecordStore {
  return withFault(store, {
    claim: async (request) => {
      const outcomes = await store.claim(request);
      const jobs = new Map((await store.getJobs(request.ids)).map((job) => [job.id, job]));
      return outcomes.map((outcome, index) => {
        const job = jobs.get(request.ids[index] ?? request.ids[0] ?? ('' as never));
        return outcome.kind === 'not_claimable' && job?.status === 'running'
          ? { kind: 'claimed', job }
          : outcome;
      });
    },
  });
}

/** Writes the job and not its message. */
export function forgetsTheOutboxRow(store: RecordStore): RecordStore {
  return withFault(store, {
    enqueue: (jobs, options) =>
      store.enqueue(
        jobs.map(({ dispatch: _, ...job }) => job),
        options,
      ),
  });
}

/** Looks a key up in one transaction and writes the job in another. */
export function checksKeysOutsideTheTransaction(store: RecordStore): RecordStore {
  const keys = new Map<
    string,
    { id: Parameters<RecordStore['getJobs']>[0][number]; hash: Buffer | undefined }
  >();
  return withFault(store, {
    enqueue: async (jobs, options) => {
      const known = jobs.map(({ idempotencyKey = '' }) => keys.get(idempotencyKey));
      await Promise.resolve();
      const conflict = jobs.some(({ requestHash }, index) => {
        const hash = known[index]?.hash;
        return hash !== undefined && !(requestHash && hash.equals(requestHash));
      });
      return Promise.all(
        jobs.map(async ({ idempotencyKey, requestHash, ...job }, index) => {
          const first = known[index];
          if (first) {
            const [existing] = await store.getJobs([first.id]);
            const same = requestHash !== undefined && first.hash?.equals(requestHash) === true;
            if (existing && same) return { kind: 'replayed', job: existing } as const;
            return { kind: 'conflict', jobId: first.id } as const;
          }
          if (options?.allOrNone && conflict) return { kind: 'not_written' } as const;
          if (idempotencyKey) keys.set(idempotencyKey, { id: job.id, hash: requestHash });
          await store.enqueue([job]);
          return { kind: 'created' } as const;
        }),
      );
    },
  });
}

/** Moves the job although the rest of its unit could not be written. */
export function appliesHalfAUnit(store: RecordStore): RecordStore {
  return withFault(store, {
    commit: async (commit) => {
      const outcomes = await store.commit(commit);
      const halves = commit.units.filter((unit, index) => outcomes[index] === 'conflict' && unit.instance);
      await store.commit({
        units: halves.flatMap(({ job }) => (job ? [{ job, enqueue: [], audit: [] }] : [])),
      });
      return outcomes;
    },
  });
}

/** Begins each page one job too far. */
export function skipsAJobBetweenPages(store: RecordStore): RecordStore {
  return withFault(store, {
    listJobs: async (filter) => {
      if (filter.before === undefined) return store.listJobs(filter);
      return (await store.listJobs({ ...filter, limit: filter.limit + 1 })).slice(1);
    },
  });
}

/** Gives the youngest first, and does not know a poll again. */
export function pollsOutOfTurn(store: RecordStore): RecordStore {
  return withFault(store, {
    poll: async (request) => {
      const jobs = (await store.poll({ ...request, claimId: randomUUID() })).reverse();
      return request.again ? [] : jobs;
    },
  });
}

/** Lets whoever polls at the same time have the same jobs. */
export function pollsWithoutLocking(store: RecordStore): RecordStore {
  let underWay: ReturnType<RecordStore['poll']> | undefined;
  return withFault(store, {
    poll: (request) => {
      underWay ??= store.poll(request).finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
  });
}

/** Takes the job from whoever has had the lease given again meanwhile. */
export function givesBackWhatIsHeldAnew(store: RecordStore): RecordStore {
  return withFault(store, {
    giveBack: async (taken) => store.giveBack(await store.getJobs(taken.map(({ id }) => id))),
  });
}

/** Goes on from what it took last, and never looks back. */
export function forgetsWhatLiesBehind(store: RecordStore): RecordStore {
  let last = '';
  return withFault(store, {
    poll: async (request) => {
      const jobs = await store.poll(request);
      if (request.again) return jobs;
      const behind = jobs.filter(({ id }) => id < last);
      await store.giveBack(behind);
      const beyond = jobs.filter(({ id }) => id >= last);
      last = [last, ...beyond.map(({ id }) => id)].sort().at(-1) ?? last;
      return beyond;
    },
  });
}
