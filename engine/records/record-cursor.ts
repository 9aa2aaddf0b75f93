import { MillraceError } from '../errors.ts';

/** The place of a record in the order of creation, as text that nobody should read anything into. */
export function writeCursor(place: string): string {
  return Buffer.from(place).toString('base64url');
}

/** @throws MillraceError `invalid_request` for what no page gave */
export function readCursor(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const place = Buffer.from(cursor, 'base64url').toString();
  if (!/^\d{1,19}$/.test(place))
    throw new MillraceError(
      'invalid_request',
      'The cursor is none that a list gave. Begin again without one.',
    );
  return place;
}

/** A page of the rows asked for, of which there was one more than fits when another page follows. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  {
    limit,
    place,
    item,
  }: {
    readonly limit: number;
    readonly place: (row: Row) => string;
    readonly item: (row: Row) => Item;
  },
): { readonly records: readonly Item[]; readonly cursor: string | undefined } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const cursor = rows.length > limit && last !== undefined ? writeCursor(place(last)) : undefined;
  return { records: shown.map(item), cursor };
}
