import { equal, ok, rejects } from 'node:assert/strict';
import { isMillraceError } from '../../../engine/errors.ts';
import { Member, newConsumer, newStream, publishTexts } from './event-bus.fixtures.ts';
import type { BusClause } from './event-bus.suite.ts';
import { patienceOf } from './suite.ts';
import { waitFor } from './wait-for.ts';

/** A broker may say 1 for any number: only whether it is 0 is looked at. */
export const backlogClauses: readonly BusClause[] = [
  {
    number: 13,
    title: 'the backlog is 0 only when all that was published is done',
    checks: {
      'has what nobody took, what is in hand and what comes again, and nothing that is done': async (
        subject,
      ) => {
        const stream = await newStream(subject);
        const ref = await newConsumer(subject, stream, { ackWaitMs: 10_000_000, maxDeliver: 10 });
        const [bus, other] = subject.buses;
        const isEmpty = async () => (await other.backlog(ref)) === 0;
        const untilEmpty = () => waitFor(isEmpty, { within: patienceOf(subject), what: 'an empty backlog' });
        equal(await other.backlog(ref), 0);
        await publishTexts(bus, `${stream}.a`, ['waits', 'ended', 'again']);
        ok(!(await isEmpty()), 'with what nobody took');
        const { promise: gate, resolve: open } = Promise.withResolvers<void>();
        await using member = new Member(subject, bus, ref, async (one) => {
          const text = one.payload.toString();
          if (text === 'ended') return one.term('on purpose');
          if (text === 'again' && one.deliveryCount === 1) return one.nak({ delayMs: 500 });
          if (text === 'waits') await gate;
          await one.ack();
        });
        await member.until(({ texts }) => new Set(texts).size === 3, 'all three');
        ok(!(await isEmpty()), 'with what is in hand');
        await member.until((all) => all.times('again') === 2, 'the one that comes again');
        ok(!(await isEmpty()), 'with what is in hand alone');
        open();
        await untilEmpty();
        await member.stop();
        await publishTexts(bus, `${stream}.a`, ['later']);
        ok(!(await isEmpty()), 'with what came later');
        await using next = new Member(subject, other, ref);
        await next.until(({ texts }) => texts.includes('later'), 'what came later');
        await untilEmpty();
      },
      'is of one consumer alone, and of one that is there': async (subject) => {
        const stream = await newStream(subject);
        const done = await newConsumer(subject, stream);
        const idle = await newConsumer(subject, stream);
        const [bus] = subject.buses;
        await publishTexts(bus, `${stream}.a`, ['0', '1']);
        await using _member = new Member(subject, bus, done);
        await waitFor(async () => (await bus.backlog(done)) === 0, {
          within: patienceOf(subject),
          what: 'the backlog of the one with a member to be empty',
        });
        ok((await bus.backlog(idle)) > 0);
        await rejects(
          bus.backlog({ stream, name: 'unknown' }),
          (error) => isMillraceError(error) && error.code === 'stream_missing',
        );
      },
    },
  },
];
