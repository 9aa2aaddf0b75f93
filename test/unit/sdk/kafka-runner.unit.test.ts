import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../engine/errors.ts';
import type {
  EventStreamer,
  IncomingRecord,
  Receiver,
  ReceiverOptions,
} from '../../../engine/ports/event-streamer.ts';
import { KafkaRunner } from '../../../sdk/kafka-runner.ts';
import { FakeClock } from './worker/fake-clock.ts';
import { createService, dispatched, jobOf } from './worker/fixtures.ts';

/** A broker that hands out the batches of a list, one for each receiver that runs, then waits for the signal. */
function brokerWith(batches: (readonly IncomingRecord[] | Error)[]) {
  const opened: ReceiverOptions[] = [];
  const outcomes: unknown[] = [];
  let open = 0;
  const receiver: Receiver = {
    async run(handle, signal) {
      open += 1;
      try {
        const batch = batches.shift();
        if (batch instanceof Error) throw batch;
        if (batch) outcomes.push(await handle(batch));
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      } finally {
        open -= 1;
      }
    },
  };
  const streamer: EventStreamer = {
    publisher: () => Promise.reject(new Error('a worker publishes nothing')),
    receiver: async (options) => {
      opened.push(options);
      return receiver;
    },
  };
  return { streamer, opened, outcomes, open: () => open };
}

describe('a long-lived worker', () => {
  it('has one receiver for each step, on its topic and in its group', async () => {
    const { streamer, opened } = brokerWith([]);
    const clock = new FakeClock();
    const handlers = { a: () => 1, b: () => 2 };
    const runner = new KafkaRunner({
      streamer,
      handlers,
      apiUrl: 'http://unused',
      clock,
      api: createService(clock).api,
    });
    await runner.start();
    await clock.until(runner.stop());
    expect(opened.map(({ topic, group }) => [topic, group])).toEqual([
      ['workflow.jobs.a', 'workflow.workers.a'],
      ['workflow.jobs.b', 'workflow.workers.b'],
    ]);
  });

  it('runs what it receives, and its start and stop may be called twice', async () => {
    const clock = new FakeClock();
    const service = createService(clock);
    const { jobId, ...incoming } = await dispatched(service);
    const broker = brokerWith([[incoming]]);
    const handlers = { noop: () => 'done' };
    const runner = new KafkaRunner({ ...broker, handlers, apiUrl: 'http://unused', clock, api: service.api });
    await Promise.all([runner.start(), runner.start()]);
    await clock.advance(100);
    await clock.until(Promise.all([runner.stop(), runner.stop()]));
    expect(broker.outcomes).toEqual([{ failed: [] }]);
    expect((await jobOf(service, jobId)).status).toBe('completed');
    expect(broker.open()).toBe(0);
    expect(clock.sleeping).toBe(0);
  });

  it('opens a receiver again that was lost', async () => {
    const clock = new FakeClock();
    const service = createService(clock);
    const { jobId, ...incoming } = await dispatched(service);
    const broker = brokerWith([new Error('the broker is gone'), new Error('still'), [incoming]]);
    const handlers = { noop: () => 'done' };
    const runner = new KafkaRunner({ ...broker, handlers, apiUrl: 'http://unused', clock, api: service.api });
    await runner.start();
    await clock.advance(5_000);
    expect((await jobOf(service, jobId)).status).toBe('completed');
    await clock.until(runner.stop());
    expect(broker.opened).toHaveLength(3);
  });

  it('does not start when a topic is missing, and leaves nothing open', async () => {
    const broker = brokerWith([]);
    const clock = new FakeClock();
    const streamer: EventStreamer = {
      ...broker.streamer,
      receiver: (options) =>
        options.topic.endsWith('b')
          ? Promise.reject(new MillraceError('topic_missing', 'no such topic'))
          : broker.streamer.receiver(options),
    };
    const handlers = { a: () => 1, b: () => 2 };
    const runner = new KafkaRunner({
      streamer,
      handlers,
      apiUrl: 'http://unused',
      clock,
      api: createService(clock).api,
    });
    const started = runner.start();
    started.catch(() => undefined);
    await expect(clock.until(started)).rejects.toMatchObject({ code: 'topic_missing' });
    await runner.stop();
    expect(broker.open()).toBe(0);
    expect(clock.sleeping).toBe(0);
  });

  it.each([
    [{ concurrency: 0 }, 'concurrency is 0'],
    [{ leaseSeconds: 0.5 }, 'leaseSeconds is 0.5'],
    [{ steps: ['a b'] }, '"a b" cannot be a step id'],
    [{ apiUrl: 'nowhere' }, 'malformed: "nowhere"'],
  ])('refuses options out of range: %o', (options, message) => {
    const { streamer } = brokerWith([]);
    expect(() => new KafkaRunner({ streamer, handlers: {}, apiUrl: 'http://unused', ...options })).toThrow(
      message,
    );
  });
});
