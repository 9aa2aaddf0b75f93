import { Liquid } from 'liquidjs';

/** What a template may name. */
export type Scope = Readonly<Record<string, unknown>>;

/**
 * Liquid, which interprets: no template is ever made into code. It sees own properties only, reads no files, and is cut off
 * when it takes too long or grows too large.
 */
const engine = new Liquid({
  ownPropertyOnly: true,
  strictFilters: true,
  strictVariables: true,
  parseLimit: 100_000,
  renderLimit: 1_000,
  memoryLimit: 10_000_000,
  templates: {},
});

/** @throws when it names something that is not there */
export async function render(template: string, scope: Scope): Promise<string> {
  return engine.parseAndRender(liquid(template), scope);
}

/** Names may begin with a dot, and `toJson` may stand before them: `{{ toJson .input }}`. */
function liquid(template: string): string {
  return template
    .replaceAll(/\{\{-?\s*toJson\s+\.?([\w.]+)\s*-?\}\}/g, '{{ $1 | json }}')
    .replaceAll(/\{\{(-?)\s*\.([\w.]+)/g, '{{$1 $2');
}
