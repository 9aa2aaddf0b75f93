import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

/** What a comment right above a fenced block says of it. */
export interface Marks {
  /** Why no test runs it. */
  readonly 'not run'?: string;
  /** What it takes to run it and no reader needs to see, in its own language; it goes before it. */
  readonly given?: string;
  /** Of JSON: the request that it is the body of. */
  readonly 'sent to'?: string;
  /** The file that a reader of the tutorial puts it into. */
  readonly file?: string;
}

const MARKS = ['not run', 'given', 'sent to', 'file'] as const satisfies readonly (keyof Marks)[];

export interface Snippet {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
  readonly marks: Marks;
}

/** Pages for whoever uses or changes Millrace, as paths from the root. What a decision or the change log shows was so at its time. */
export function pages(): string[] {
  const elsewhere = ['node_modules', '.millrace', '.git', 'dist'];
  return globSync(['*.md', 'docs/*.md', 'docs/guide/*.md', '*/README.md', '*/*/README.md'], {
    cwd: ROOT,
    exclude: (path) => elsewhere.includes(path),
  })
    .filter((path) => path !== 'CHANGELOG.md')
    .sort();
}

/** Also in a list: marks and fences as far in as each other. */
const BLOCK =
  /(?<comments>(?:^ *<!-- (?:(?!-->)[\s\S])*?-->\n)*)^(?<indent> *)```(?<language>\w*)\n(?<text>[\s\S]*?)^\k<indent>```$/gm;
const COMMENT = /<!-- ([\w ]+):\s((?:(?!-->)[\s\S])*?)\s*-->\n/g;

/** The fenced blocks of a page, in its order. @throws Error where a mark is none that a test knows */
export function snippetsOf(page: string): Snippet[] {
  const content = readFileSync(join(ROOT, page), 'utf8');
  return [...content.matchAll(BLOCK)].map(({ index, groups = {} }) => {
    const { comments = '', indent = '', language = '', text: indented = '' } = groups;
    const text = indented.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    const line = content.slice(0, index).split('\n').length + comments.split('\n').length - 1;
    const marks: Record<string, string> = {};
    for (const [, kind = '', what = ''] of comments.matchAll(COMMENT)) {
      if (!MARKS.some((known) => known === kind))
        throw new Error(`${page}:${line}: a snippet's mark is one of ${MARKS.join(', ')}, not "${kind}"`);
      marks[kind] = what;
    }
    return { page, line, language, text, marks };
  });
}

/** Those of a language that a test must run: the tutorial's are run by a test of its own. */
export function snippetsToRun(language: string): Snippet[] {
  return pages()
    .filter((page) => page !== 'docs/tutorial.md')
    .flatMap(snippetsOf)
    .filter((snippet) => snippet.language === language && snippet.marks['not run'] === undefined);
}
