import { DatabaseError } from 'pg';
import { expect, test } from 'vitest';
import { translate } from '../../../../adapters/postgres/errors.ts';

function said(code: string, message = 'x'): Error {
  return Object.assign(new DatabaseError(message, message.length, 'error'), { code });
}

const lost = 'Whether it was written is not known';
const nothing = 'Nothing was written';

test.each([
  ['the server shuts down', said('57P01'), nothing],
  ['the server crashes, which may be after the commit', said('57P02'), lost],
  ['the connection ends', new Error('Connection terminated unexpectedly'), lost],
  ['the answer does not come', new Error('Query read timeout'), lost],
  ['the connection is reset', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), lost],
  ['there is no connection', Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), nothing],
  ['no connection is free', new Error('timeout exceeded when trying to connect'), nothing],
])('says what is known of the statement when %s', (_, error, outcome) => {
  expect(translate(error)).toMatchObject({ code: 'unavailable', message: expect.stringContaining(outcome) });
});

test('another meaning of the SQLSTATE of a closed database is no outage', () => {
  const error = said('55000', 'lastval is not yet defined in this session');
  expect(translate(error)).toBe(error);
});
