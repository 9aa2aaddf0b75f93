import type { Timeout, TimeoutStore } from '../../../engine/ports/timeout-store.ts';
import type { TimeoutsUnderTest } from '../../../sdk/testing/conformance/timeout-store.suite.ts';

/** Each fault changes a subject that keeps the contract. */
export type TimeoutFault = (subject: TimeoutsUnderTest) => TimeoutsUnderTest;

function inEach(change: (store: TimeoutStore) => Partial<TimeoutStore>): TimeoutFault {
  return (subject) => {
    const [one, other] = subject.stores;
    return { ...subject, stores: [withChange(one, change), withChange(other, change)] };
  };
}

function withChange(
  store: TimeoutStore,
  change: (store: TimeoutStore) => Partial<TimeoutStore>,
): TimeoutStore {
  return {
    create: (timeout) => store.create(timeout),
    get: (ref) => store.get(ref),
    due: (workflow, limit) => store.due(workflow, limit),
    complete: (ref) => store.complete(ref),
    cancel: (ref) => store.cancel(ref),
    postpone: (ref, milliseconds) => store.postpone(ref, milliseconds),
    list: (workflow, page) => store.list(workflow, page),
    nextDueMs: (workflow) => store.nextDueMs(workflow),
    purge: (workflow, options) => store.purge(workflow, options),
    ...change(store),
  };
}

/** Keeps them in the memory of a process that ends. */
export const losesThemAtARestart: TimeoutFault = (subject) => {
  let epoch = 0;
  const inEpoch = <Ref extends { readonly workflow: string }>(ref: Ref): Ref =>
    epoch === 0 ? ref : { ...ref, workflow: `${ref.workflow} after ${epoch}` };
  const faulty = inEach((store) => ({
    get: (ref) => store.get(inEpoch(ref)),
    due: (workflow, limit) => store.due(inEpoch({ workflow }).workflow, limit),
  }));
  return {
    ...faulty(subject),
    restart: async () => {
      epoch += 1;
    },
  };
};

/** Answers while it is away as if it had nothing. */
export const answersAsIfItWereEmpty: TimeoutFault = (subject) => {
  let isAway = false;
  const faulty = inEach((store) => ({ get: async (ref) => (isAway ? undefined : store.get(ref)) }));
  return {
    ...faulty(subject),
    restart: async () => {
      isAway = true;
      await new Promise((resolve) => setTimeout(resolve, 100));
      isAway = false;
    },
  };
};

/** Says that it is stored, and stores it with the next. */
export const acknowledgesBeforeItStores: TimeoutFault = (subject) => {
  let held: (() => Promise<boolean>) | undefined;
  return inEach((store) => ({
    create: async (timeout) => {
      await held?.();
      held = () => store.create(timeout);
      return true;
    },
  }))(subject);
};

export const keepsWholeSeconds: TimeoutFault = inEach((store) => ({
  create: (timeout) => {
    const seconds = Math.floor(timeout.expiresAt.getTime() / 1_000);
    return store.create({ ...timeout, expiresAt: new Date(seconds * 1_000) });
  },
}));

export const setsItForTheForeignIdAlone: TimeoutFault = inEach((store) => ({
  create: (timeout) => store.create({ ...timeout, runId: timeout.foreignId }),
}));

/** Looks, then writes. */
export const tellsEveryCreatorThatItWrote: TimeoutFault = inEach((store) => ({
  create: async (timeout) => {
    const isThere = await store.get(timeout);
    await store.create(timeout);
    return isThere === undefined;
  },
}));

export const revivesWhatHasEnded: TimeoutFault = inEach((store) => ({
  create: async (timeout) => {
    const before = await store.get(timeout);
    if (before?.state === 'pending' || before === undefined) return store.create(timeout);
    await store.purge(timeout.workflow, { olderThanMs: 0, limit: 1_000 });
    return store.create(timeout);
  },
}));

export const firesBeforeTheTime: TimeoutFault = inEach((store) => ({
  due: (workflow, limit) => store.list(workflow, { state: 'pending', limit }),
}));

export const turnsTheOrderRound: TimeoutFault = inEach((store) => ({
  due: async (workflow, limit) => (await store.due(workflow, limit)).toReversed(),
}));

export const ignoresTheLimit: TimeoutFault = inEach((store) => ({
  due: (workflow) => store.due(workflow, 1_000),
}));

export const tellsEveryCallerThatItEnded: TimeoutFault = inEach((store) => ({
  complete: async (ref) => {
    await store.complete(ref);
    return true;
  },
}));

/** Says that it is cancelled, and fires it all the same. */
export const cancelsNothing: TimeoutFault = inEach((store) => ({
  cancel: async (ref) => (await store.get(ref))?.state === 'pending',
}));

export const completesWhatWasCancelled: TimeoutFault = (subject) => {
  const completed = new Set<string>();
  const seen = <T extends Timeout | undefined>(timeout: T): T =>
    timeout && completed.has(timeout.id) ? { ...timeout, state: 'completed' } : timeout;
  return inEach((store) => ({
    get: async (ref) => seen(await store.get(ref)),
    list: async (workflow, page) => (await store.list(workflow, page)).map(seen),
    complete: async (ref) => {
      completed.add(ref.id);
      return store.complete(ref);
    },
  }))(subject);
};

export const postponesNothing: TimeoutFault = inEach((store) => ({
  postpone: async (ref) => (await store.get(ref))?.state === 'pending',
}));

export const postponesWhatHasEnded: TimeoutFault = inEach((store) => ({
  postpone: async (ref, milliseconds) => {
    await store.postpone(ref, milliseconds);
    return true;
  },
}));

/** As a cursor over places does: it goes on one too far. */
export const passesOverOneAtEachPage: TimeoutFault = inEach((store) => ({
  list: async (workflow, { after, ...page }) => {
    if (after === undefined) return store.list(workflow, page);
    return (await store.list(workflow, { ...page, after, limit: page.limit + 1 })).slice(1);
  },
}));

export const ordersByLetters: TimeoutFault = inEach((store) => ({
  list: async (workflow, { after, limit, state }) => {
    const all = [...(await store.list(workflow, { state, limit: 1_000 }))];
    all.sort((a, b) => a.id.localeCompare(b.id));
    return all.slice(after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1).slice(0, limit);
  },
}));

export const mixesUpTheStates: TimeoutFault = inEach((store) => ({
  list: (workflow, { after, limit }) => store.list(workflow, { after, limit }),
}));

export const forgetsToSayThatNothingIsPending: TimeoutFault = inEach((store) => ({
  nextDueMs: async (workflow) => (await store.nextDueMs(workflow)) ?? 0,
}));

/** Retention that deletes nothing. */
export const purgesNothing: TimeoutFault = inEach(() => ({ purge: async () => 0 }));

export const purgesTooMuch: TimeoutFault = inEach((store) => ({
  purge: async (workflow, options) => {
    for (const one of await store.due(workflow, 1_000)) await store.cancel(one);
    return store.purge(workflow, { ...options, olderThanMs: 0 });
  },
}));

/** Goes by the id alone. */
export const mixesUpTheWorkflows: TimeoutFault = inEach((store) => ({
  create: (timeout) => store.create({ ...timeout, workflow: 'one' }),
  complete: ({ id }) => store.complete({ workflow: 'one', id }),
  get: ({ id }) => store.get({ workflow: 'one', id }),
  due: (_workflow, limit) => store.due('one', limit),
}));
