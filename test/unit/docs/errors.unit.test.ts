import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { errorCodes } from '../../../engine/errors.ts';
import { problemStatus } from '../../../functions/http/problem.ts';

test('docs/errors.md lists every code with its status and meaning', async () => {
  const meanings: Readonly<Record<string, string>> = errorCodes;
  const rows = Object.entries(problemStatus).map(
    ([code, status]) => `| \`${code}\` | ${status} | ${meanings[code]} |`,
  );
  const page = [
    '# Errors',
    '',
    '<!-- Made from the code: npx vitest run --project unit test/unit/docs/errors.unit.test.ts -u -->',
    '',
    'Every error of the HTTP API is `application/problem+json` (RFC 9457) with one of these codes; so is the `code` of a `MillraceError` and of the',
    "client's `ClientError`. Codes do not change. `detail` names the cause and what to do; `errors` names each field that is not as documented.",
    'Send the request again on 429 and 503, after `Retry-After`; anything else will be answered alike.',
    '',
    '| code | status | meaning |',
    '| --- | ---: | --- |',
    ...rows,
    '',
  ].join('\n');
  await expect(page).toMatchFileSnapshot(resolve(import.meta.dirname, '../../../docs/errors.md'));
});
