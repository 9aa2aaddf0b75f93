import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rules } from './architecture-rules.ts';
import { readSources, toSource } from './architecture-sources.ts';

const sources = readSources(join(import.meta.dirname, '..', '..'));

describe('the architecture', () => {
  it('is looked at where the code is', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.flatMap(({ imports }) => imports).length).toBeGreaterThan(200);
  });

  for (const { name, reason, violations } of rules) {
    it(`keeps its rule: ${name}`, () => {
      const found = violations(sources);
      expect(found, `The rule is: ${name}; because ${reason}. Broken by:\n${found.join('\n')}`).toEqual([]);
    });
  }
});

/** For each rule, files that break it and files that look as if they did. */
const samples: Readonly<Record<string, readonly (readonly [path: string, text: string, breaks: boolean])[]>> =
  {
    'imports point down the layer table': [
      ['engine/a.ts', "import { a } from '../adapters/env.ts';", true],
      ['engine/b.ts', "import type { A } from '../adapters/env.ts';", true],
      ['sdk/a.ts', "export { a } from '../functions/http/a.ts';", true],
      ['relay-cdc/a.ts', "import {\n  a,\n  type B,\n} from '../functions/a.ts';", true],
      ['cli/a.ts', "const a = await import('../test/helpers/a.ts');", true],
      ['functions/worker/z.ts', "import { a } from '../../sdk/index.ts';", false],
      ['engine/c.ts', "// import { a } from '../adapters/env.ts';", false],
      ['test/a.ts', "import { a } from '../cli/main.ts';", false],
    ],
    'an adapter does not import another adapter': [
      ['adapters/kafka/a.ts', "import '../postgres/pool.ts';", true],
      ['adapters/kafka/b.ts', "import { readString } from '../env.ts';", false],
      ['adapters/kafka/c.ts', "import { c } from './client.ts';", false],
    ],
    'the engine and the events use no I/O, clock, randomness or console': [
      ['engine/a.ts', "import { readFile } from 'node:fs/promises';", true],
      ['engine/b.ts', 'const now = new Date();', true],
      ['events/c.ts', 'console.log(1);', true],
      ['engine/d.ts', '/** Math.random is not used here. */\nconst later = new Date(0);', false],
    ],
    'a driver is used only where its adapter is': [
      ['functions/http/a.ts', "import { Pool } from 'pg';", true],
      ['relay-cdc/b.ts', "import { Kafka } from 'kafkajs';", true],
      ['sdk/c.ts', "import type { Kafka } from 'kafkajs';", true],
      ['relay-cdc/d.ts', "import { Client } from 'pg';", false],
      ['adapters/kafka/e.ts', "import { Kafka } from 'kafkajs';", false],
    ],
    'only config.ts files and cli/ read the environment': [
      ['functions/http/handler.ts', "const a = process.env['A'];", true],
      ['functions/http/config.ts', 'const a = process.env;', false],
    ],
    'there are no import cycles at run time': [
      ['engine/a.ts', "import { b } from './b.ts';", true],
      ['engine/b.ts', "import { c } from './c.ts';", true],
      ['engine/c.ts', "import { a } from './a.ts';", true],
      ['engine/d.ts', "import type { e } from './e.ts';", false],
      ['engine/e.ts', "import { d } from './d.ts';", false],
    ],
    'nothing but sdk/ has an index.ts': [
      ['engine/index.ts', '', true],
      ['sdk/index.ts', '', false],
    ],
    'no folder is named for "undecided"': [
      ['engine/utils/a.ts', '', true],
      ['engine/ports/a.ts', '', false],
    ],
    'a file has at most 400 lines, or a comment "Long because …"': [
      ['engine/a.ts', '\n'.repeat(400), true],
      ['engine/b.ts', `// Long because it is a table.\n${'\n'.repeat(400)}`, false],
    ],
  };

describe('each rule of the architecture', () => {
  for (const { name, violations } of rules) {
    it(`catches what breaks it, and only that: ${name}`, () => {
      const files = (samples[name] ?? []).map(([path, text]) => toSource(path, text));
      const found = violations(files).join('\n');
      const caught = files.map(({ path }) => found.includes(path));
      expect(caught).toEqual((samples[name] ?? []).map(([, , breaks]) => breaks));
      expect(caught).toContain(true);
    });
  }
});
