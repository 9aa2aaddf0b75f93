import { deepEqual, equal, ok } from 'node:assert/strict';
import type { BusDelivery } from '../../../engine/ports/event-bus.ts';
import { Member, message, newConsumer, newStream, numbers, publishTexts } from './event-bus.fixtures.ts';
import type { BusClause, BusUnderTest } from './event-bus.suite.ts';
import { patienceOf } from './suite.ts';
import { waitFor } from './wait-for.ts';

/** Everything is published twice: whoever has all it should get twice has been offered all it should not get once. */
async function textsFor(
  subject: BusUnderTest,
  { stream, filterSubject, wanted }: { stream: string; filterSubject: string; wanted: readonly string[] },
): Promise<string[]> {
  const ref = await newConsumer(subject, stream, { filterSubject });
  await using member = new Member(subject, subject.buses[1], ref);
  await member.until(
    (all) => wanted.every((text) => all.times(text) === 2),
    `${wanted} for ${filterSubject}`,
  );
  return [...new Set(member.texts)].sort();
}

/** Returns after a message has gone through the bus from end to end: time for whatever else was on its way. */
async function aWhile(subject: BusUnderTest): Promise<void> {
  const stream = await newStream(subject);
  await using member = new Member(subject, subject.buses[1], await newConsumer(subject, stream));
  await publishTexts(subject.buses[0], `${stream}.a`, ['mark']);
  await member.until(({ texts }) => texts.length === 1, 'a message of another stream');
}

export const deliveringClauses: readonly BusClause[] = [
  {
    number: 4,
    title: 'a consumer gets what matches its filter, and only that',
    checks: {
      'knows * for one token and > for the rest': async (subject) => {
        const stream = await newStream(subject);
        const tails = ['a', 'a.b', 'a.c', 'a.b.c', 'axb', 'a_b.c', 'a-b', 'A.b'];
        const round = tails.map((tail) => message(`${stream}.${tail}`, tail));
        await subject.buses[0].publish([...round, ...round]);
        const wanted: Record<string, string[]> = {
          [`${stream}.a`]: ['a'],
          [`${stream}.*`]: ['a', 'a-b', 'axb'],
          [`${stream}.a.*`]: ['a.b', 'a.c'],
          [`${stream}.a.>`]: ['a.b', 'a.b.c', 'a.c'],
          [`${stream}.*.b`]: ['A.b', 'a.b'],
          [`${stream}.*.*`]: ['A.b', 'a.b', 'a.c', 'a_b.c'],
          [`${stream}.a_b.>`]: ['a_b.c'],
        };
        const got = await Promise.all(
          Object.entries(wanted).map(async ([filterSubject, texts]) => [
            filterSubject,
            await textsFor(subject, { stream, filterSubject, wanted: texts }),
          ]),
        );
        deepEqual(Object.fromEntries(got), wanted);
      },
    },
  },
  {
    number: 5,
    title: 'a consumer is durable: it resumes where it was',
    checks: {
      'brings to the next member what came meanwhile, and nothing twice': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream);
        const other = await newConsumer(subject, stream);
        const [bus, elsewhere] = subject.buses;
        await publishTexts(bus, `${stream}.a`, ['0', '1']);
        const first = new Member(subject, bus, ref);
        await first.until(({ texts }) => texts.length === 2, 'the first two');
        await first.stop();
        await publishTexts(bus, `${stream}.a`, ['2', '3']);
        await subject.buses[0].ensureConsumer(ref);
        await using second = new Member(subject, elsewhere, ref);
        await second.until(({ texts }) => texts.length >= 2, 'those that came meanwhile');
        deepEqual(second.texts.sort(), ['2', '3']);
        await using third = new Member(subject, bus, other);
        await third.until(({ texts }) => texts.length >= 4, 'all four, at the other consumer');
        deepEqual(third.texts.sort(), numbers(4));
      },
    },
  },
  {
    number: 6,
    title: 'first deliveries of one key come in order, one at a time',
    checks: {
      'also when the handlers take their time': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream);
        const [bus] = subject.buses;
        const order = new Map<string, number[]>();
        const running = new Set<string>();
        const faults: string[] = [];
        const handle = async (one: BusDelivery) => {
          if (running.has(one.key)) faults.push(`two of ${one.key} at a time`);
          running.add(one.key);
          const seen = order.get(one.key) ?? [];
          order.set(one.key, [...seen, Number(one.payload.toString())]);
          await new Promise((resolve) => setTimeout(resolve, Number(one.payload.toString()) % 3));
          await one.ack();
          running.delete(one.key);
        };
        await using member = new Member(subject, bus, ref, handle);
        for (const text of numbers(20)) {
          await bus.publish(['a', 'b', 'c'].map((key) => message(`${stream}.x`, text, { key })));
        }
        await member.until(({ texts }) => texts.length >= 60, 'all 60');
        deepEqual(faults, []);
        for (const key of ['a', 'b', 'c']) deepEqual(order.get(key), numbers(20).map(Number));
      },
      'does not let one key wait for another': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream);
        const [bus] = subject.buses;
        const { promise: gate, resolve: open } = Promise.withResolvers<void>();
        await using member = new Member(subject, bus, ref, async (one) => {
          if (one.key === 'slow') await gate;
          await one.ack();
        });
        await bus.publish(
          ['slow', 'slow', 'quick', 'quick'].map((key, index) =>
            message(`${stream}.x`, String(index), { key }),
          ),
        );
        await member.until(({ texts }) => texts.includes('3'), 'the second of the other key');
        ok(!member.texts.includes('1'));
        open();
        await member.until(({ texts }) => texts.includes('1'), 'the second of the slow key');
      },
    },
  },
  {
    number: 10,
    title: 'no more than maxPending are delivered and not settled',
    checks: {
      'waits, and goes on as they are settled': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream, { maxPending: 3 });
        const [bus] = subject.buses;
        await publishTexts(bus, `${stream}.a`, numbers(12));
        let open = 0;
        let most = 0;
        const gates: (() => void)[] = [];
        await using member = new Member(subject, bus, ref, async (one) => {
          open += 1;
          most = Math.max(most, open);
          await new Promise<void>((resolve) => gates.push(resolve));
          open -= 1;
          await one.ack();
        });
        while (member.texts.length < 12 || gates.length > 0) {
          await waitFor(() => gates.length >= Math.min(3, 12 - member.texts.length + gates.length), {
            within: patienceOf(subject),
          });
          await aWhile(subject);
          gates.shift()?.();
        }
        equal(most, 3);
        deepEqual(new Set(member.texts).size, 12);
      },
    },
  },
  {
    number: 11,
    title: 'aborting ends subscribe after the handlers under way, and the next member goes on',
    checks: {
      'counts what they settle, and gives the rest to the next': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream, { ackWaitMs: 10_000_000 });
        const [bus, other] = subject.buses;
        const { promise: gate, resolve: open } = Promise.withResolvers<void>();
        await bus.publish(numbers(4).map((text) => message(`${stream}.x`, text, { key: 'one' })));
        const first = new Member(subject, bus, ref, async (one) => {
          await gate;
          await one.ack();
        });
        await first.until(({ texts }) => texts.length === 1, 'the first');
        const stopped = first.stop();
        // Heard when it is awaited; a check that fails before then has its own failure to tell.
        stopped.catch(() => undefined);
        await publishTexts(other, `${stream}.x`, ['4']);
        await aWhile(subject);
        ok(!first.isOver);
        open();
        await stopped;
        await using second = new Member(subject, other, ref);
        await second.until(({ texts }) => new Set(texts).size >= 4, 'the rest');
        deepEqual([...first.texts, ...second.texts].sort(), numbers(5));
      },
      'shares a consumer between members without bringing anything twice': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream);
        const [bus, other] = subject.buses;
        const first = new Member(subject, bus, ref);
        await using second = new Member(subject, other, ref);
        await publishTexts(bus, `${stream}.a`, numbers(20));
        const both = () => [...first.texts, ...second.texts];
        await first.until(() => new Set(both()).size === 20, 'all at either');
        await first.stop();
        await publishTexts(bus, `${stream}.a`, ['20']);
        await second.until(({ texts }) => texts.includes('20'), 'what came after the first had gone');
        equal(both().length, 21);
      },
      'ends at once when the signal has aborted before': async (subject) => {
        const ref = await newConsumer(subject, await newStream(subject));
        await subject.buses[0].subscribe(ref, (one) => one.ack(), AbortSignal.abort());
      },
    },
  },
];
