import type {
  NewRecord,
  OutboxEvent,
  WorkflowRecord,
  WorkflowRecordStore,
} from '../../../engine/ports/workflow-record-store.ts';

/** Each fault wraps a store that keeps the contract. */
type Fault = (store: WorkflowRecordStore) => WorkflowRecordStore;

function changed(change: (store: WorkflowRecordStore) => Partial<WorkflowRecordStore>): Fault {
  return (store) => ({
    store: (record) => store.store(record),
    lookup: (runId) => store.lookup(runId),
    latest: (workflowName, foreignId) => store.latest(workflowName, foreignId),
    list: (query) => store.list(query),
    listOutboxEvents: (query) => store.listOutboxEvents(query),
    deleteOutboxEvents: (ids) => store.deleteOutboxEvents(ids),
    ...change(store),
  });
}

async function versionOf(store: WorkflowRecordStore, { runId }: NewRecord): Promise<number> {
  return (await store.lookup(runId))?.version ?? 0;
}

/** Writes over whatever version there is. */
export const dropsTheVersionCheck = changed((store) => ({
  store: async (record) => store.store({ ...record, version: await versionOf(store, record) }),
}));

/** Compares the version it read with the one it was given, then writes over whatever is there by then. */
export const checksTheVersionBeforehand = changed((store) => ({
  store: async (record) => {
    const version = await versionOf(store, record);
    if (version !== record.version) return { kind: 'conflict', version };
    await aMomentLater();
    return store.store({ ...record, version: await versionOf(store, record) });
  },
}));

/** Looks for an open run, then begins another, and so has to name it otherwise. */
export const checksForAnOpenRunBeforehand = changed((store) => ({
  store: async (record) => {
    const other = await store.latest(record.workflowName, record.foreignId);
    const isOpen = other && ['initiated', 'running', 'paused'].includes(other.runState);
    if (isOpen && record.version === 0) return { kind: 'in_progress', runId: other.runId };
    await aMomentLater();
    const outcome = await store.store(record);
    return outcome.kind === 'in_progress' ? { kind: 'stored', version: 1 } : outcome;
  },
}));

/** Writes the record and no event. */
export const forgetsTheEvent = changed((store) => ({
  store: async (record) => {
    const outcome = await store.store(record);
    const events = await store.listOutboxEvents({ limit: Number.MAX_SAFE_INTEGER });
    const [event] = events.filter(({ runId }) => runId === record.runId).reverse();
    if (event && record.version > 0) await store.deleteOutboxEvents([event.id]);
    return outcome;
  },
}));

/** Writes an event for what was refused as well. */
export const announcesWhatItRefused: Fault = (store) => {
  const refused: OutboxEvent[] = [];
  return changed(() => ({
    store: async (record) => {
      const outcome = await store.store(record);
      if (outcome.kind !== 'stored') {
        const event = { ...record, id: `refused-${refused.length}`, recordVersion: record.version + 1 };
        refused.push({ ...event, createdAt: new Date() });
      }
      return outcome;
    },
    listOutboxEvents: async (query) => [
      ...(await store.listOutboxEvents(query)),
      ...refused.filter(({ workflowName }) => workflowName === query.workflowName),
    ],
  }))(store);
};

/** Asks for the numbers after the highest that it gave out. */
export const readsTheOutboxByACursor: Fault = (store) => {
  let highest = 0;
  return changed(() => ({
    listOutboxEvents: async (query) => {
      const events = await store.listOutboxEvents({ ...query, limit: Number.MAX_SAFE_INTEGER });
      const given = events.filter(({ id }) => Number(id) > highest).slice(0, query.limit);
      highest = Math.max(highest, ...given.map(({ id }) => Number(id)));
      return given;
    },
  }))(store);
};

/** Deletes all up to the highest number, among them what became visible after the list. */
export const deletesUpToTheHighest = changed((store) => ({
  deleteOutboxEvents: async (ids) => {
    const highest = Math.max(0, ...ids.map(Number));
    const events = await store.listOutboxEvents({ limit: Number.MAX_SAFE_INTEGER });
    return store.deleteOutboxEvents(events.map(({ id }) => id).filter((id) => Number(id) <= highest));
  },
}));

/** Gives each event to one who lists, as `for update skip locked` does. */
export const skipsWhatAnotherReads: Fault = (store) => {
  const locked = new Set<string>();
  return changed(() => ({
    listOutboxEvents: async (query) => {
      const events = await store.listOutboxEvents({ ...query, limit: Number.MAX_SAFE_INTEGER });
      const given = events.filter(({ id }) => !locked.has(id)).slice(0, query.limit);
      for (const { id } of given) locked.add(id);
      await aMomentLater();
      for (const { id } of given) locked.delete(id);
      return given;
    },
  }))(store);
};

/** Gives the latest events first. */
export const readsTheOutboxBackwards = changed((store) => ({
  listOutboxEvents: async (query) => {
    const events = await store.listOutboxEvents({ ...query, limit: Number.MAX_SAFE_INTEGER });
    return [...events].reverse().slice(0, query.limit);
  },
}));

/** Deletes when it lists. */
export const deletesWhatItLists = changed((store) => ({
  listOutboxEvents: async (query) => {
    const events = await store.listOutboxEvents(query);
    await store.deleteOutboxEvents(events.map(({ id }) => id));
    return events;
  },
}));

/** Takes the run that was stored last for the youngest. */
export const takesTheLastStoredForTheYoungest = changed((store) => ({
  latest: async (workflowName, foreignId) => {
    const { records } = await store.list({ workflowName, foreignId, limit: 1_000 });
    return [...records].sort(
      (one, other) => other.updatedAt.getTime() - one.updatedAt.getTime() || other.version - one.version,
    )[0];
  },
}));

/** Compares as MySQL's usual collations do. */
export const findsWhateverTheCase = changed((store) => ({
  latest: async (workflowName, foreignId) => {
    const { records } = await store.list({ workflowName, order: 'descending', limit: 1_000 });
    const same = (text: string) =>
      text.trimEnd().localeCompare(foreignId.trimEnd(), 'en', { sensitivity: 'base' }) === 0;
    return records.find((record) => same(record.foreignId));
  },
}));

/** Counts the rows before a page, so that what is stored meanwhile moves it. */
export const pagesByOffset = changed((store) => ({
  list: async (query) => {
    const { records } = await store.list({ ...query, cursor: undefined, limit: 100_000 });
    const offset = query.cursor === undefined ? 0 : Number(query.cursor);
    const page = records.slice(offset, offset + query.limit);
    return {
      records: page,
      cursor: offset + query.limit < records.length ? String(offset + query.limit) : undefined,
    };
  },
}));

/** Begins each page with the last record of the one before. */
export const repeatsTheLastOfAPage: Fault = (store) => {
  let last: WorkflowRecord | undefined;
  return changed(() => ({
    list: async (query) => {
      const page = await store.list(query);
      const records = query.cursor !== undefined && last ? [last, ...page.records] : page.records;
      last = page.records.at(-1);
      return { ...page, records: records.slice(0, query.limit) };
    },
  }))(store);
};

/** Knows no order but one. */
export const ignoresTheOrder = changed((store) => ({
  list: (query) => store.list({ ...query, order: 'ascending' }),
}));

/** Takes an empty list of states for no filter. */
export const takesNoStatesForAll = changed((store) => ({
  list: ({ runStates, ...query }) => store.list(runStates?.length === 0 ? query : { ...query, runStates }),
}));

/** Counts the first moment out and the last one in. */
export const shiftsTheTimes = changed((store) => ({
  list: ({ createdFrom, createdUntil, ...query }) =>
    store.list({
      ...query,
      createdFrom: createdFrom && new Date(createdFrom.getTime() + 1),
      createdUntil: createdUntil && new Date(createdUntil.getTime() + 1),
    }),
}));

/** Keeps objects as text. */
export const keepsObjectsAsText = changed((store) => ({
  store: (record) => store.store({ ...record, object: Buffer.from(record.object.toString('utf8')) }),
}));

/** Forgets why. */
export const forgetsTheReason = changed((store) => ({
  store: (record) => store.store({ ...record, reason: undefined }),
}));

/** Gives local time for universal time. */
export const isHoursOff = changed((store) => ({
  lookup: async (runId) => {
    const record = await store.lookup(runId);
    return record && { ...record, createdAt: new Date(record.createdAt.getTime() + 3_600_000) };
  },
}));

/** Cuts off what is too long. */
export const cutsOffLongNames = changed((store) => ({
  store: (record) =>
    store.store({ ...record, foreignId: Buffer.from(record.foreignId).subarray(0, 512).toString() }),
}));

/** Keeps records in the process, so that nothing of them is left when that has gone. */
export const losesThemInACrash: Fault = (store) => {
  let hidden = new Set<string>();
  const known = new Set<string>();
  return Object.assign(
    changed(() => ({
      store: (record) => {
        known.add(record.runId);
        return store.store(record);
      },
      lookup: async (runId) => (hidden.has(runId) ? undefined : store.lookup(runId)),
    }))(store),
    {
      crash: () => {
        hidden = new Set(known);
      },
    },
  );
};

/** So that another's call comes in between. */
function aMomentLater(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
