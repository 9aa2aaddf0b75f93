import { deepEqual, equal, ok } from 'node:assert/strict';
import type { BusDelivery } from '../../../engine/ports/event-bus.ts';
import { Member, newConsumer, newStream, publishTexts } from './event-bus.fixtures.ts';
import type { BusClause } from './event-bus.suite.ts';
import { patienceOf } from './suite.ts';
import { waitFor } from './wait-for.ts';

/** Short enough to wait for, long enough for a handler that is quick. */
const ACK_WAIT_MS = 400;

function textOf({ payload }: BusDelivery): string {
  return payload.toString();
}

export const settlingClauses: readonly BusClause[] = [
  {
    number: 7,
    title: 'what was not acknowledged itself comes again after its time, and not before',
    checks: {
      'brings those again that were not, though a later one was': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream, { ackWaitMs: ACK_WAIT_MS });
        const [bus] = subject.buses;
        await publishTexts(bus, `${stream}.a`, ['0', '1', '2']);
        await using member = new Member(subject, bus, ref, async (one) => {
          if (textOf(one) === '2' || one.deliveryCount > 1) await one.ack();
        });
        await member.until((all) => all.times('0') === 2 && all.times('1') === 2, 'the first two again');
        await publishTexts(bus, `${stream}.a`, ['3']);
        await member.until((all) => all.times('3') === 2, 'one more again');
        deepEqual([member.times('0'), member.times('1'), member.times('2')], [2, 2, 1]);
        const counts = member.deliveries
          .filter((one) => textOf(one) === '0')
          .map(({ deliveryCount }) => deliveryCount);
        deepEqual(counts, [1, 2]);
      },
      'lets a message be as long as its handler says it is at work': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream, { ackWaitMs: ACK_WAIT_MS });
        const [bus] = subject.buses;
        let isOver = false;
        const seen: string[] = [];
        await using member = new Member(subject, bus, ref, async (one) => {
          seen.push(textOf(one));
          // Left alone, the other shows how much time has gone by.
          if (textOf(one) === 'other') return one.deliveryCount > 2 ? one.ack() : undefined;
          while (member.times('other') < 3 && !isOver) {
            await one.inProgress();
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
          await one.ack();
        });
        await publishTexts(bus, `${stream}.a`, ['kept', 'other']);
        await member
          .until((all) => all.times('other') === 3, 'the other, twice again')
          .finally(() => {
            isOver = true;
          });
        equal(seen.filter((text) => text === 'kept').length, 1);
      },
      'counts an acknowledgement that comes late': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream, { ackWaitMs: ACK_WAIT_MS });
        const [bus] = subject.buses;
        await publishTexts(bus, `${stream}.a`, ['0']);
        await using member = new Member(subject, bus, ref, async () => undefined);
        await member.until((all) => all.times('0') === 2, 'the message again');
        await member.deliveries[0]?.ack();
        await publishTexts(bus, `${stream}.a`, ['1']);
        await member.until((all) => all.times('1') === 2, 'another one again');
        equal(member.times('0'), 2);
      },
    },
  },
  {
    number: 8,
    title: 'nak, or a handler that rejects, brings it again after the delay',
    checks: {
      'at once without one, long before its time': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream, { ackWaitMs: 10_000_000 });
        const [bus] = subject.buses;
        await publishTexts(bus, `${stream}.a`, ['nak', 'throw']);
        await using member = new Member(subject, bus, ref, async (one) => {
          if (one.deliveryCount === 2) return one.ack();
          if (textOf(one) === 'throw') throw new Error('not handled, on purpose');
          return one.nak();
        });
        await member.until(({ texts }) => texts.length >= 4, 'both again');
        deepEqual([member.times('nak'), member.times('throw')], [2, 2]);
      },
      'not before the delay is over': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream, { ackWaitMs: 10_000_000 });
        const [bus] = subject.buses;
        await publishTexts(bus, `${stream}.a`, ['never', 'soon']);
        await using member = new Member(subject, bus, ref, async (one) => {
          if (textOf(one) === 'never') return one.nak({ delayMs: 10_000_000 });
          return one.deliveryCount > 2 ? one.ack() : one.nak({ delayMs: 100 });
        });
        await member.until((all) => all.times('soon') === 3, 'the one with a short delay');
        equal(member.times('never'), 1);
      },
    },
  },
  {
    number: 9,
    title: 'what was delivered maxDeliver times in vain, or ended, is a dead letter',
    checks: {
      'does not come again, is listed with its reason, and holds up nothing': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream, {
          maxDeliver: 3,
          maxPending: 2,
          ackWaitMs: ACK_WAIT_MS,
        });
        const [bus, other] = subject.buses;
        await publishTexts(bus, `${stream}.a`, ['throws', 'silent', 'ended', 'good']);
        await using member = new Member(subject, bus, ref, async (one) => {
          if (textOf(one) === 'throws') throw new Error('no stock');
          if (textOf(one) === 'ended') return one.term('not an order');
          return textOf(one) === 'good' ? one.ack() : undefined;
        });
        await member.until((all) => all.times('good') === 1, 'the one behind them');
        const dead = await waitFor(
          async () => {
            const letters = await other.deadLetters(ref, { limit: 10 });
            return letters.length === 3 ? letters : undefined;
          },
          { within: patienceOf(subject) },
        );
        const byText = new Map(dead.map((one) => [one.payload.toString(), one]));
        deepEqual(
          dead.map(({ payload }) => payload.toString()),
          ['throws', 'silent', 'ended'],
        );
        ok(byText.get('throws')?.reason.includes('no stock'));
        equal(byText.get('ended')?.reason, 'not an order');
        deepEqual(
          [...byText.values()].map(({ deliveryCount }) => deliveryCount),
          [3, 3, 1],
        );
        await publishTexts(bus, `${stream}.a`, ['good']);
        await member.until((all) => all.times('good') === 2, 'one more');
        deepEqual([member.times('throws'), member.times('silent'), member.times('ended')], [3, 3, 1]);
        equal((await other.deadLetters(ref, { limit: 1 })).length, 1);
      },
      'comes anew when redriven, its count beginning at one': async (subject) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream);
        const [bus, other] = subject.buses;
        await publishTexts(bus, `${stream}.a`, ['0', '1']);
        let isMended = false;
        await using member = new Member(subject, bus, ref, (one) =>
          isMended ? one.ack() : one.term('broken'),
        );
        const dead = await waitFor(
          async () => {
            const letters = await other.deadLetters(ref, { limit: 10 });
            return letters.length === 2 ? letters : undefined;
          },
          { within: patienceOf(subject) },
        );
        isMended = true;
        const sequences = dead.slice(0, 1).map(({ sequence }) => sequence);
        equal(await other.redrive(ref, [...sequences, 9_999_999_999n]), 1);
        await member.until(({ texts }) => texts.length === 3, 'the redriven one');
        deepEqual([member.texts[2], member.deliveries[2]?.deliveryCount], ['0', 1]);
        await waitFor(async () => (await other.deadLetters(ref, { limit: 10 })).length === 1, {
          within: patienceOf(subject),
        });
      },
    },
  },
];
