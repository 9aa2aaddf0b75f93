import type { BusDelivery, ConsumerRef, EventBus } from '../../../engine/ports/event-bus.ts';

/** Each fault wraps a bus that keeps the contract. */
export type BusFault = (bus: EventBus) => EventBus;

function changed(change: (bus: EventBus) => Partial<EventBus>): BusFault {
  return (bus) => ({
    ensureStream: (spec) => bus.ensureStream(spec),
    ensureConsumer: (spec) => bus.ensureConsumer(spec),
    publish: (messages) => bus.publish(messages),
    subscribe: (ref, handle, signal) => bus.subscribe(ref, handle, signal),
    deadLetters: (ref, options) => bus.deadLetters(ref, options),
    redrive: (ref, sequences) => bus.redrive(ref, sequences),
    backlog: (ref) => bus.backlog(ref),
    close: () => bus.close(),
    ...change(bus),
  });
}

function changedDelivery(
  change: (delivery: BusDelivery, bus: EventBus, ref: ConsumerRef) => Partial<BusDelivery>,
): BusFault {
  return changed((bus) => ({
    subscribe: (ref, handle, signal) =>
      bus.subscribe(ref, (delivery) => handle({ ...delivery, ...change(delivery, bus, ref) }), signal),
  }));
}

export const losesHeaders = changed((bus) => ({
  publish: (messages) => bus.publish(messages.map(({ headers: _, ...message }) => message)),
}));

/** Says that it is stored, and forgets it. */
export const forgetsWhatItStored = changed((bus) => ({
  publish: async (messages) => {
    const sequences = await bus.publish(messages.slice(0, -1));
    return messages.map((_, index) => sequences[index] ?? (sequences.at(-1) ?? 0n) + 1n);
  },
}));

export const storesPartOfARefusedCall = changed((bus) => ({
  publish: async (messages) => {
    const all: bigint[] = [];
    for (const message of messages) all.push(...(await bus.publish([message])));
    return all;
  },
}));

/** The fault of a store that drops what it cannot take. */
export const dropsWhatIsTooLarge = changed((bus) => ({
  publish: (messages) => bus.publish(messages.filter(({ payload }) => payload.length < 10_000)),
}));

export const dropsWhatNobodyClaims = changed((bus) => ({
  publish: (messages) => bus.publish(messages).catch(() => []),
}));

export const ignoresTheFilter = changed((bus) => ({
  ensureConsumer: ({ filterSubject: _, ...spec }) => bus.ensureConsumer(spec),
}));

/** Takes a single token wildcard for all that follows. */
export const mistakesTheWildcard = changed((bus) => ({
  ensureConsumer: ({ filterSubject = '>', ...spec }) =>
    bus.ensureConsumer({ ...spec, filterSubject: filterSubject.replace(/\*$/, '>') }),
}));

/** Begins anew with each member. */
let members = 0;
export const forgetsThePlace = changed((bus) => {
  return {
    subscribe: async (ref, handle, signal) => {
      members += 1;
      const own = { ...ref, name: `${ref.name}-${members}` };
      await bus.ensureConsumer(own);
      await bus.subscribe(own, handle, signal);
    },
  };
});

export const handlesAKeyAllAtOnce = changed((bus) => ({
  publish: (messages) =>
    bus.publish(
      messages.map(({ key, headers, ...one }) => ({ ...one, headers: { ...headers, key: key ?? '' } })),
    ),
  subscribe: (ref, handle, signal) =>
    bus.subscribe(
      ref,
      (delivery) => {
        const { key = '', ...headers } = delivery.headers;
        return handle({ ...delivery, key, headers });
      },
      signal,
    ),
}));

/** The fault of a cursor: to acknowledge one is to acknowledge all before it. */
export const acknowledgesAllBefore = changed((bus) => ({
  subscribe: (ref, handle, signal) => {
    const open: BusDelivery[] = [];
    const settle = async (last: BusDelivery) => {
      await Promise.all(open.filter(({ sequence }) => sequence <= last.sequence).map((one) => one.ack()));
    };
    return bus.subscribe(
      ref,
      (delivery) => {
        open.push(delivery);
        return handle({ ...delivery, ack: () => settle(delivery) });
      },
      signal,
    );
  },
}));

/** Before it is handled: what fails then is lost. */
export const acknowledgesEarly = changed((bus) => ({
  subscribe: (ref, handle, signal) =>
    bus.subscribe(
      ref,
      async (delivery) => {
        await delivery.ack();
        await handle(delivery).catch(() => undefined);
      },
      signal,
    ),
}));

export const ignoresProgress = changedDelivery(() => ({ inProgress: async () => undefined }));

export const ignoresTheDelay = changedDelivery((delivery) => ({
  nak: ({ reason } = {}) => delivery.nak(reason ? { reason } : {}),
}));

export const ignoresNak = changedDelivery(() => ({ nak: async () => undefined }));

/** Skips in silence what was delivered too often. */
export const hidesDeadLetters = changed(() => ({ deadLetters: async () => [] }));

export const deliversForEver = changed((bus) => ({
  ensureConsumer: (spec) => bus.ensureConsumer({ ...spec, maxDeliver: 1_000 }),
}));

export const forgetsToRedrive = changed(() => ({ redrive: async (_, sequences) => sequences.length - 1 }));

export const hasNoBackPressure = changed((bus) => ({
  ensureConsumer: (spec) => bus.ensureConsumer({ ...spec, maxPending: 1_000 }),
}));

/** Leaves while handlers are under way. */
export const endsTooSoon = changed((bus) => ({
  subscribe: (ref, handle, signal) =>
    Promise.race([
      bus.subscribe(ref, handle, signal),
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve());
      }),
    ]),
}));

/** The fault of a cursor over a sequence: now and then one that commits late is passed over. */
export const passesOverSome = changed((bus) => {
  let count = 0;
  return {
    subscribe: (ref, handle, signal) =>
      bus.subscribe(
        ref,
        async (delivery) => {
          count += 1;
          await (count % 100 === 99 ? delivery.ack() : handle(delivery));
        },
        signal,
      ),
  };
});

/** Counts what no member has seen yet, and not what is in their hands. */
let taken = 0;
export const countsWhatIsNewAlone = changed((bus) => ({
  subscribe: (ref, handle, signal) =>
    bus.subscribe(
      ref,
      (delivery) => {
        taken += 1;
        return handle(delivery);
      },
      signal,
    ),
  backlog: async (ref) => Math.max(0, (await bus.backlog(ref)) - taken),
}));

export const countsWhatIsDone = changed((bus) => ({ backlog: async (ref) => (await bus.backlog(ref)) + 1 }));

export const seesNoBacklog = changed(() => ({ backlog: async () => 0 }));
