import { types } from 'pg';

/** `2026-01-31 23:59:59.123456+00`, as every server in UTC writes it; the fraction is absent where it is 0. */
const UTC = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00$/;

const parseAny: (text: string) => Date | number | null = types.getTypeParser(types.builtins.TIMESTAMPTZ);

/** Six of them come with every job: pg's own parser, which knows every notation, takes as long as all the rest of the row. */
export function parseTimestamp(text: string): Date | number | null {
  if (!UTC.test(text)) return parseAny(text);
  const millis = text.length === 22 ? 0 : fraction(text);
  return new Date(
    Date.UTC(
      number(text, 0, 4),
      number(text, 5, 2) - 1,
      number(text, 8, 2),
      number(text, 11, 2),
      number(text, 14, 2),
      number(text, 17, 2),
      millis,
    ),
  );
}

/** Of a second, in whole milliseconds. */
function fraction(text: string): number {
  const digits = Math.min(3, text.length - 23);
  return number(text, 20, digits) * 10 ** (3 - digits);
}

function number(text: string, from: number, digits: number): number {
  let value = 0;
  for (let at = from; at < from + digits; at += 1) value = value * 10 + text.charCodeAt(at) - 48;
  return value;
}
