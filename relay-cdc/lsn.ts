import type { Lsn } from '../events/ids.ts';

/** Not a position: PostgreSQL reads it as "none" (a start at it means "where the slot stands"). */
export const NO_LSN = 0n as Lsn;

/** @throws RangeError for text that PostgreSQL would not print as an LSN */
export function parseLsn(text: string): Lsn {
  const match = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(text);
  if (!match) throw new RangeError(`"${text.slice(0, 40)}" is not an LSN such as 16/B374D848`);
  return ((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)) as Lsn;
}

/** As PostgreSQL prints it: `16/B374D848`. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
}

export function laterOf(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}
