import { expect, test } from 'vitest';
import { createKey } from '../../../../functions/migrate/new-key.ts';

test.each([
  undefined,
  'ops',
  { name: 'ops' },
  { name: 'ops', scopes: [] },
  { name: 'ops', scopes: ['admin', 'root'] },
  { name: 'two words', scopes: ['admin'] },
])('a key is made for nobody and for nothing unknown, and the database is not asked: %j', async (asked) => {
  // Nothing listens there: a request that got through would fail in other words.
  const login = { dsn: 'postgres://nobody@127.0.0.1:1/none' };
  await expect(createKey({ createKey: asked }, login)).rejects.toThrow(/^createKey is malformed: it must be/);
});
