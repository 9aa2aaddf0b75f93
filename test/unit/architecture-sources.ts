import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';

export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text without comments, of the same length in lines. */
  readonly code: string;
  readonly imports: readonly SourceImport[];
}

export interface SourceImport {
  /** A path from the root for our own files, otherwise the name as written. */
  readonly target: string;
  readonly own: boolean;
  /** `import type`: gone when the code runs. */
  readonly typeOnly: boolean;
  /** `import()`: only when that line is reached. */
  readonly dynamic: boolean;
}

const IGNORED = new Set(['node_modules', 'dist', '.git', '.millrace', 'generated']);

/** All TypeScript of the repository but what is generated. */
export function readSources(root: string): SourceFile[] {
  return listFiles(root)
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => {
      const name = relative(root, path).replaceAll('\\', '/');
      return toSource(name, readFileSync(path, 'utf8'));
    });
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return IGNORED.has(entry.name) ? [] : listFiles(path);
    return entry.isFile() ? [path] : [];
  });
}

export function toSource(path: string, text: string): SourceFile {
  const code = withoutComments(text);
  return { path, text, code, imports: importsOf(path, code) };
}

/** Block comments and whole-line comments; what follows code on its line stays, as it may be part of a string. */
function withoutComments(text: string): string {
  return text
    .replaceAll(/^\s*\/\*[\s\S]*?\*\//gm, (comment) => comment.replaceAll(/[^\n]/g, ''))
    .replaceAll(/^\s*\/\/.*$/gm, '');
}

const STATIC = /^(?:import|export)\s+(type\s+)?(?:[\w*{}\s,]+?\s+from\s+)?'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*\)/g;

function importsOf(path: string, code: string): SourceImport[] {
  const statics = [...code.matchAll(STATIC)].map(([, type, name = '']) =>
    toImport(path, name, { typeOnly: type !== undefined, dynamic: false }),
  );
  const dynamics = [...code.matchAll(DYNAMIC)].map(([, name = '']) =>
    toImport(path, name, { typeOnly: false, dynamic: true }),
  );
  return [...statics, ...dynamics];
}

function toImport(
  path: string,
  name: string,
  kind: { readonly typeOnly: boolean; readonly dynamic: boolean },
): SourceImport {
  const own = name.startsWith('.');
  return { target: own ? posix.join(dirname(path), name) : name, own, ...kind };
}
