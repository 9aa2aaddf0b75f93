import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Asset {
  readonly contentType: string;
  readonly text: string;
  readonly etag: string;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
};

/** Where the browser finds what the pages import by name. */
const LIBRARIES = { preact: 'preact.js', 'preact/hooks': 'preact-hooks.js' } as const;

/**
 * The files of the web UI by name. The browser loads the modules as they are in `app/`, less their types: erasing them keeps
 * lines and columns, so there is no build to wait for and no source map to ship.
 */
export function readAssets(
  directory = fileURLToPath(new URL('./app/', import.meta.url)),
): Map<string, Asset> {
  const own = readdirSync(directory)
    .filter((name) => CONTENT_TYPES[extname(name)] !== undefined)
    .map((name) => [name, asset(name, readFileSync(join(directory, name), 'utf8'))] as const);
  const { resolve } = createRequire(import.meta.url);
  const libraries = Object.entries(LIBRARIES).map(([name, file]) => {
    const path = resolve(name).replace(/\.js$/, '.module.js');
    return [file, asset('library.ts', readFileSync(path, 'utf8'), { isStripped: true })] as const;
  });
  return new Map([...own, ...libraries]);
}

function asset(name: string, source: string, { isStripped = false } = {}): Asset {
  const isModule = extname(name) === '.ts';
  const stripped = isModule && !isStripped ? stripTypeScriptTypes(source) : source;
  const text = isModule ? withPaths(stripped) : source;
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  return { contentType: CONTENT_TYPES[extname(name)] ?? 'text/plain', text, etag };
}

/** A browser knows no packages without an import map, which would be an inline script. */
function withPaths(code: string): string {
  return code
    .replaceAll(/\bfrom\s*(['"])(preact(?:\/hooks)?)\1/g, (whole, _quote, name: string) =>
      name in LIBRARIES ? `from './${LIBRARIES[name as keyof typeof LIBRARIES]}'` : whole,
    )
    .replaceAll(/\/\/# sourceMappingURL=.*/g, '');
}
