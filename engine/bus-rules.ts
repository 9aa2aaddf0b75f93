import { MillraceError } from './errors.ts';
import {
  type BusMessage,
  type ConsumerRef,
  type ConsumerSpec,
  consumerDefaults,
  type StreamSpec,
} from './ports/event-bus.ts';
import { isSubject, isSubjectPattern, patternsOverlap, subjectMatches } from './subjects.ts';

/** What every event bus refuses, in the same words. */

export const MAX_MESSAGE_BYTES = 1_000_000;

export function checkMessages(messages: readonly BusMessage[], limit: number): void {
  for (const [index, message] of messages.entries()) {
    if (!isSubject(message.subject)) {
      throw new MillraceError(
        'configuration',
        `Message ${index} has the subject "${message.subject}", which nothing can be published to. A subject is tokens ` +
          'between dots, without wildcards, blanks or empty tokens, and at most 255 characters long.',
      );
    }
    const size = messageSize(message);
    if (size <= limit) continue;
    throw new MillraceError(
      'message_too_large',
      `Message ${index} on ${message.subject} has ${size} bytes, and this event bus takes at most ${limit}. Store what is ` +
        'large elsewhere and publish where it is. Nothing of the call was published.',
      { detail: { index, size, limit } },
    );
  }
}

/** Payload, key and headers: what a provider counts or has to carry. */
export function messageSize({ payload, key = '', headers = {} }: BusMessage): number {
  const texts = [key, ...Object.entries(headers).flat()];
  return texts.reduce((size, text) => size + text.length, payload.length);
}

/** The stream of a subject. @throws MillraceError `stream_missing` */
export function streamOf(streams: Iterable<StreamSpec>, subject: string): StreamSpec {
  const all = [...streams];
  const found = all.find(({ subjects }) => subjects.some((pattern) => subjectMatches(pattern, subject)));
  if (found) return found;
  const known = all.map(({ name, subjects }) => `${name} (${subjects.join(', ')})`).join('; ') || 'none';
  throw new MillraceError(
    'stream_missing',
    `No stream claims the subject ${subject}. Streams: ${known}. Declare one whose subjects match it; nothing was published.`,
    { detail: { subject } },
  );
}

export function checkStream(stream: StreamSpec, others: Iterable<StreamSpec>): void {
  checkName('stream', stream.name);
  if (stream.subjects.length === 0)
    throw wrong(`The stream ${stream.name} has no subjects. Give it at least one.`);
  for (const pattern of stream.subjects) {
    if (!isSubjectPattern(pattern)) {
      throw wrong(
        `The stream ${stream.name} has the subject "${pattern}", which is not a pattern such as orders.> or a.*.c.`,
      );
    }
    for (const other of others) {
      const taken = other.subjects.find((theirs) => patternsOverlap(pattern, theirs));
      if (other.name === stream.name || taken === undefined) continue;
      throw wrong(
        `The streams ${stream.name} and ${other.name} would both claim subjects that match ${pattern} and ${taken}. A message ` +
          'goes into one stream: give them subjects that do not overlap.',
      );
    }
  }
}

export function checkConsumer(consumer: ConsumerSpec): Required<ConsumerSpec> {
  checkName('consumer', consumer.name);
  const full = { ...consumerDefaults, ...consumer };
  if (!isSubjectPattern(full.filterSubject)) {
    throw wrong(
      `The consumer ${full.name} has the filter "${full.filterSubject}", which is not a pattern such as orders.> or a.*.c.`,
    );
  }
  for (const field of ['ackWaitMs', 'maxDeliver', 'maxPending'] as const) {
    if (Number.isInteger(full[field]) && full[field] > 0) continue;
    throw wrong(`The consumer ${full.name} has ${field} ${full[field]}. Give it a whole number above 0.`);
  }
  return full;
}

export function noSuchStream(name: string): MillraceError {
  return new MillraceError('stream_missing', `There is no stream ${name}. Declare it first.`);
}

export function noSuchConsumer({ stream, name }: ConsumerRef): MillraceError {
  return new MillraceError(
    'stream_missing',
    `The stream ${stream} has no consumer ${name}. Declare it first.`,
  );
}

function checkName(what: string, name: string): void {
  if (/^[A-Za-z0-9_=-]{1,250}$/.test(name)) return;
  throw wrong(`"${name}" is no name for a ${what}: use letters, digits, _, = and -, at most 250.`);
}

function wrong(message: string): MillraceError {
  return new MillraceError('configuration', message);
}
