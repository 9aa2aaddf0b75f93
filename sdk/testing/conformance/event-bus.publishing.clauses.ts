import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { isMillraceError } from '../../../engine/errors.ts';
import { Member, message, newConsumer, newStream, numbers, publishTexts } from './event-bus.fixtures.ts';
import type { BusClause } from './event-bus.suite.ts';
import { patienceOf } from './suite.ts';

export const publishingClauses: readonly BusClause[] = [
  {
    number: 1,
    title: 'what is published is stored, numbered, and arrives as it was given',
    checks: {
      'gives every message to a consumer that is made later, elsewhere': async (subject) => {
        const stream = await newStream(subject);
        const [bus, other] = subject.buses;
        const headers = { 'trace-parent': '00-ab', empty: '', text: 'grün, "quoted"' };
        const payload = Buffer.from([0, 255, 10, 13, 92, 0]);
        await bus.publish([{ subject: `${stream}.a`, key: 'k', payload, headers }]);
        const ref = await newConsumer(subject, stream);
        await using member = new Member(subject, other, ref);
        await member.until(({ deliveries }) => deliveries.length === 1, 'the message');
        const [delivery] = member.deliveries;
        deepEqual(delivery?.payload, payload);
        deepEqual({ ...delivery?.headers }, headers);
        deepEqual([delivery?.subject, delivery?.key, delivery?.deliveryCount], [`${stream}.a`, 'k', 1]);
        ok(Math.abs((delivery?.publishedAt.getTime() ?? 0) - Date.now()) < 600_000);
      },
      'numbers those of a subject in the order of the calls and of the array': async (subject) => {
        const stream = await newStream(subject);
        const [bus, other] = subject.buses;
        const first = await bus.publish([message(`${stream}.a`, '0'), message(`${stream}.a`, '1')]);
        const second = await other.publish([message(`${stream}.a`, '2')]);
        deepEqual(await bus.publish([]), []);
        const ref = await newConsumer(subject, stream);
        await using member = new Member(subject, bus, ref);
        await member.until(({ texts }) => new Set(texts).size === 3, 'all messages');
        const all = [...first, ...second];
        ok(all.every((sequence, index) => index === 0 || sequence > (all[index - 1] ?? 0n)));
        const byText = new Map(
          member.deliveries.map(({ payload, sequence }) => [payload.toString(), sequence]),
        );
        deepEqual(
          numbers(3).map((text) => byText.get(text)),
          all,
        );
      },
    },
  },
  {
    number: 2,
    title: 'a subject that no stream claims is refused, and so are streams that overlap',
    checks: {
      'refuses the call whole': async (subject) => {
        const stream = await newStream(subject);
        const [bus] = subject.buses;
        const call = bus.publish([message(`${stream}.a`, 'lost'), message(`nowhere-${stream}.a`, 'lost')]);
        await rejects(call, (error) => isMillraceError(error) && error.code === 'stream_missing');
        await rejects(bus.publish([message(`${stream}.*`, 'lost')]), isMillraceError);
        await rejects(bus.publish([message(`${stream}..a`, 'lost')]), isMillraceError);
        await bus.publish([message(`${stream}.a`, 'kept')]);
        await using member = new Member(subject, bus, await newConsumer(subject, stream));
        await member.until(({ texts }) => texts.includes('kept'), 'the message');
        deepEqual(member.texts, ['kept']);
      },
      'refuses to consume what is not there': async (subject) => {
        const stream = await newStream(subject);
        const [bus] = subject.buses;
        const isMissing = (error: unknown) => isMillraceError(error) && error.code === 'stream_missing';
        await rejects(bus.ensureConsumer({ stream: `no-${stream}`, name: 'c' }), isMissing);
        const ref = { stream, name: 'unknown' };
        await rejects(
          bus.subscribe(ref, (one) => one.ack(), AbortSignal.timeout(patienceOf(subject))),
          isMissing,
        );
      },
      'refuses a second stream for the same subject, and takes a change of the first': async (subject) => {
        const stream = await newStream(subject);
        const [bus, other] = subject.buses;
        const overlapping = { name: `${stream}2`, subjects: [`${stream}.a.*`] };
        await rejects(
          other.ensureStream(overlapping),
          (error) => isMillraceError(error) && error.code === 'configuration',
        );
        await other.ensureStream({ name: stream, subjects: [`${stream}.>`, `more-${stream}`] });
        equal((await bus.publish([message(`more-${stream}`, 'x')])).length, 1);
      },
    },
  },
  {
    number: 3,
    title: 'a message over the limit is refused, with its size and the limit',
    checks: {
      'refuses the call whole, and says which it was': async (subject) => {
        const stream = await newStream(subject);
        const [bus] = subject.buses;
        const large = { subject: `${stream}.a`, payload: Buffer.alloc(subject.tooLarge) };
        await rejects(bus.publish([message(`${stream}.a`, 'lost'), large]), (error) => {
          ok(isMillraceError(error));
          equal(error.code, 'message_too_large');
          equal(error.detail['index'], 1);
          return error.message.includes(String(error.detail['limit']));
        });
        await bus.publish([{ subject: `${stream}.a`, payload: Buffer.alloc(subject.tooLarge / 2) }]);
        await using member = new Member(subject, bus, await newConsumer(subject, stream));
        await member.until(({ deliveries }) => deliveries.length > 0, 'the message');
        deepEqual(
          member.deliveries.map(({ payload }) => payload.length),
          [subject.tooLarge / 2],
        );
      },
    },
  },
  {
    number: 12,
    title: 'nothing is passed over while many publish and consume',
    checks: {
      'brings every message of eight publishers to each of three consumers': async (subject) => {
        const stream = await newStream(subject);
        const refs = await Promise.all([0, 1, 2].map(() => newConsumer(subject, stream)));
        await using members = new AsyncDisposableStack();
        const all = refs.map((ref, index) =>
          members.use(new Member(subject, subject.buses[index % 2 === 0 ? 0 : 1], ref)),
        );
        const publishing = numbers(8).map(async (publisher) => {
          const bus = subject.buses[Number(publisher) % 2 === 0 ? 0 : 1];
          for (const text of numbers(40))
            await publishTexts(bus, `${stream}.p${publisher}`, [`${publisher}-${text}`]);
        });
        await Promise.all(publishing);
        for (const member of all) {
          await member.until(({ texts }) => new Set(texts).size === 320, 'all 320 messages');
        }
      },
    },
  },
];
