import { expect, test } from 'vitest';
import { examine } from '../helpers/schemathesis.ts';
import { startApi } from '../int/functions/http/api.ts';

const api = startApi('polling');

test('the API answers as its OpenAPI document says, whatever it is asked, and never with a fault of its own', async () => {
  for (const type of ['noop', 'process']) await api.post('/api/v1/jobs', { type, payload: {} });
  const { code, text } = await examine(api.url, 30);
  const failures = /FAILURES =+\n([\s\S]*)/.exec(text)?.[1] ?? '';
  expect({ code, kinds: [...new Set(failures.match(/^- .*$|^ {4}\S.*$/gm))].slice(0, 40) }).toEqual({
    code: 0,
    kinds: [],
  });
  expect(text).toMatch(/Tested: 4\d/);
}, 180_000);
