import { errorCodes } from '../../engine/errors.ts';
import type { ApiDocument } from './openapi.ts';
import { problemStatus } from './problem.ts';

/** The OpenAPI document as one readable page, which asks nothing of any other server and runs no script. */
export function docsHtml(document: ApiDocument): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods ?? {}).map(([method, operation]) =>
      operationHtml(`${method.toUpperCase()} ${path}`, operation),
    ),
  );
  const schemas = Object.entries(document.components?.schemas ?? {}).map(
    ([name, schema]) => `<h3 id="schema-${escapeHtml(name)}">${escapeHtml(name)}</h3>${jsonHtml(schema)}`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(document.info.title)} API</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(document.info.title)} API</h1>
<p>${escapeHtml(document.info.description ?? '')} The same as a document for machines: <a href="/openapi.json">/openapi.json</a>.</p>
<h2 id="operations">Operations</h2>
${operations.join('\n')}
<h2 id="problems">Problems</h2>
<p>Every error is <code>application/problem+json</code> with one of these codes; codes do not change.</p>
${problemsHtml()}
<h2 id="schemas">Schemas</h2>
${schemas.join('\n')}
</main>
</body>
</html>
`;
}

function operationHtml(name: string, operation: unknown): string {
  const { summary, parameters, requestBody, responses } = asFields(operation);
  const parts = [
    parameters ? `<h4>Parameters</h4>${jsonHtml(parameters)}` : '',
    requestBody ? `<h4>Body</h4>${jsonHtml(schemaOf(requestBody))}` : '',
    ...Object.entries(asFields(responses)).map(([status, reply]) => replyHtml(status, asFields(reply))),
  ];
  return `<details><summary><code>${escapeHtml(name)}</code> ${escapeHtml(String(summary))}</summary>${parts.join('')}</details>`;
}

function replyHtml(status: string, reply: Readonly<Record<string, unknown>>): string {
  const schema = Number(status) < 400 ? schemaOf(reply) : undefined;
  return `<h4>${escapeHtml(status)}</h4><p>${escapeHtml(String(reply['description'] ?? ''))}</p>${schema ? jsonHtml(schema) : ''}`;
}

function schemaOf(value: unknown): unknown {
  const [media] = Object.values(asFields(asFields(value)['content']));
  return asFields(media)['schema'];
}

function problemsHtml(): string {
  const rows = Object.entries(problemStatus).map(([code, status]) => {
    const meaning = Object.entries(errorCodes).find(([name]) => name === code)?.[1] ?? '';
    return `<tr id="problem-${code}"><td>${status}</td><td><code>${code}</code></td><td>${escapeHtml(meaning)}</td></tr>`;
  });
  return `<table><thead><tr><th>Status</th><th>Code</th><th>Meaning</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

/** JSON with its references to schemas as links. */
function jsonHtml(value: unknown): string {
  const text = escapeHtml(JSON.stringify(value, null, 2));
  const linked = text.replaceAll(
    /&quot;#\/components\/schemas\/(\w+)&quot;/g,
    (reference, name: string) => `<a href="#schema-${name}">${reference}</a>`,
  );
  return `<pre>${linked}</pre>`;
}

function asFields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
summary { padding: 0.4rem 0; cursor: pointer; }
details { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
pre { overflow-x: auto; padding: 0.75rem; background: color-mix(in srgb, currentColor 7%, transparent); font-size: 0.85rem; }
table { border-collapse: collapse; }
td, th { padding: 0.25rem 0.75rem 0.25rem 0; text-align: left; vertical-align: top; }
:target { outline: 2px solid; }
`;
