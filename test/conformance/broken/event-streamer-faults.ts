import type {
  BatchOutcome,
  EventStreamer,
  IncomingRecord,
  OutgoingRecord,
  Publisher,
  PublishReceipt,
  Receiver,
} from '../../../engine/ports/event-streamer.ts';

type Publish = (records: readonly OutgoingRecord[]) => Promise<PublishReceipt>;
type Handle = (batch: readonly IncomingRecord[]) => Promise<BatchOutcome>;
type Run = Receiver['run'];

const nothingFailed: BatchOutcome = { failed: [] };

/** Calls it stored, and has it in memory still when the publisher goes. */
export function acknowledgesBeforeItStores(streamer: EventStreamer): EventStreamer {
  return withPublish(streamer, () => async () => ({ refused: [] }));
}

export function turnsTheOrderRound(streamer: EventStreamer): EventStreamer {
  return withPublish(streamer, ({ publish }) => async (records) => {
    const { refused } = await publish(records.toReversed());
    return { refused: refused.map(({ index, reason }) => ({ index: records.length - 1 - index, reason })) };
  });
}

export function dropsTheNeighboursOfARefusedRecord(streamer: EventStreamer): EventStreamer {
  return withPublish(streamer, ({ publish }) => async (records) => {
    const large = records.flatMap(({ value }, index) => (value.length > 10_000 ? [index] : []));
    if (large.length === 0) return publish(records);
    return { refused: large.map((index) => ({ index, reason: 'too large' })) };
  });
}

export function refusesByTheWrongIndex(streamer: EventStreamer): EventStreamer {
  return withPublish(streamer, ({ publish }) => async (records) => {
    const { refused } = await publish(records);
    return { refused: refused.map(({ reason }, index) => ({ index, reason })) };
  });
}

export function swallowsAnError(streamer: EventStreamer): EventStreamer {
  return withPublish(
    streamer,
    ({ publish }) =>
      (records) =>
        publish(records).catch(() => ({ refused: [] })),
  );
}

export function goesOnAfterAFailure(streamer: EventStreamer): EventStreamer {
  return withPublish(streamer, () => async (records) => {
    const fresh = await streamer.publisher();
    return fresh.publish(records);
  });
}

export function neverRedelivers(streamer: EventStreamer): EventStreamer {
  return withRun(
    streamer,
    (run) => (handle, signal) =>
      run(
        (batch) =>
          handle(batch).then(
            () => nothingFailed,
            () => nothingFailed,
          ),
        signal,
      ),
  );
}

export function commitsPastAFailure(streamer: EventStreamer): EventStreamer {
  const past = ({ failed }: BatchOutcome): BatchOutcome => ({
    failed: failed.map(({ partition, offset }) => ({ partition, offset: offset + 1n })),
  });
  return withRun(
    streamer,
    (run) => (handle, signal) => run(async (batch) => past(await handle(batch)), signal),
  );
}

export function commitsBeforeItHandles(streamer: EventStreamer): EventStreamer {
  return withRun(
    streamer,
    (run) => (handle, signal) =>
      run(async (batch) => {
        handle(batch).catch(() => nothingFailed);
        return nothingFailed;
      }, signal),
  );
}

export function deliversInAnyOrder(streamer: EventStreamer): EventStreamer {
  return withRun(streamer, (run) => (handle, signal) => run((batch) => handle(batch.toReversed()), signal));
}

export function endsBeforeTheBatchUnderWay(streamer: EventStreamer): EventStreamer {
  return withRun(streamer, (run) => (handle, signal) => Promise.race([run(handle, signal), aborted(signal)]));
}

export function ignoresTheSignal(streamer: EventStreamer): EventStreamer {
  return withRun(streamer, (run) => (handle) => run(handle, new AbortController().signal));
}

function withPublish(streamer: EventStreamer, fault: (publisher: Publisher) => Publish): EventStreamer {
  return {
    receiver: (options) => streamer.receiver(options),
    publisher: async (options) => {
      const inner = await streamer.publisher(options);
      return {
        publish: fault({ publish: (records) => inner.publish(records), close: () => inner.close() }),
        close: () => inner.close(),
      };
    },
  };
}

function withRun(streamer: EventStreamer, fault: (run: Run) => Run): EventStreamer {
  return {
    publisher: (options) => streamer.publisher(options),
    receiver: async (options) => {
      const inner = await streamer.receiver(options);
      return { run: fault((handle: Handle, signal) => inner.run(handle, signal)) };
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
