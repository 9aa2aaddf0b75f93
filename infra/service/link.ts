import { MillraceError } from '../../engine/errors.ts';
import { fold } from './fold.ts';
import type { Json, JsonObject, Parameter, Template } from './template.ts';

/** Resources of several templates, as one. */
export interface Linked {
  readonly Resources: JsonObject;
  /** What the templates tell of themselves, by name: for what is written beside them. */
  readonly values: JsonObject;
}

/**
 * Makes one of templates that can each be deployed alone. They are joined by name: where one has an output and a later one
 * a parameter of that name, the parameter becomes the output's value. A parameter that no output gives is taken from the
 * settings, then from its default.
 * @throws MillraceError `configuration` naming each parameter that nothing gives, and how to give it
 */
export function link(templates: readonly Template[], settings: JsonObject): Linked {
  const linked = { Resources: {}, values: { ...settings } };
  const missing = new Set<string>();
  for (const template of templates) {
    const given = valuesFor(template.Parameters ?? {}, linked.values, missing);
    const resolve = (value: Json): Json => substitute(value, given);
    const conditions = mapValues(template.Conditions ?? {}, resolve);
    merge(linked.Resources, fold(mapValues(template.Resources, resolve), conditions));
    for (const [name, { Value }] of Object.entries(template.Outputs ?? {})) {
      Object.assign(linked.values, { [name]: resolve(Value) });
    }
  }
  if (missing.size > 0) throw missingParameters([...missing]);
  return linked;
}

function missingParameters(names: readonly string[]): MillraceError {
  const params = names.map((name) => name.charAt(0).toLowerCase() + name.slice(1));
  return new MillraceError(
    'configuration',
    `${names.length === 1 ? 'This parameter is' : 'These parameters are'} not given: ${params.join(', ')}. Set ` +
      `${names.length === 1 ? 'it' : 'them'} under params in serverless.yml, or pass --param="${params[0]}=…". docs/deploy.md ` +
      'says what each is.',
    { detail: { parameters: params } },
  );
}

function valuesFor(
  parameters: Readonly<Record<string, Parameter>>,
  values: JsonObject,
  missing: Set<string>,
): ReadonlyMap<string, Json> {
  return new Map(
    Object.entries(parameters).map(([name, { Type, Default }]) => {
      // An empty setting is one that was not made.
      const value = values[name] === '' ? Default : (values[name] ?? Default);
      if (value === undefined) missing.add(name);
      return [name, /^(List<|CommaDelimitedList)/.test(Type) ? toList(value) : value];
    }),
  );
}

/** Outputs are text, so a list is joined in one and split in its parameter; here it never was text. */
function toList(value: Json): Json {
  if (typeof value === 'string') return value.split(',').map((entry) => entry.trim());
  const join = isObject(value) ? value['Fn::Join'] : undefined;
  return Array.isArray(join) ? join[1] : value;
}

function substitute(value: Json, given: ReadonlyMap<string, Json>): Json {
  if (Array.isArray(value)) return value.map((entry) => substitute(entry, given));
  if (!isObject(value)) return value;
  const reference = value['Ref'];
  if (typeof reference === 'string' && given.has(reference)) return given.get(reference);
  const text = value['Fn::Sub'];
  if (text !== undefined) return substituteText(text, given);
  return mapValues(value, (entry) => substitute(entry, given));
}

/** `Fn::Sub` takes other values by name: what is not text is handed over so. */
function substituteText(sub: Json, given: ReadonlyMap<string, Json>): Json {
  const [text, own] = Array.isArray(sub) ? [sub[0], sub[1]] : [sub, {}];
  const ownNames = mapValues(isObject(own) ? own : {}, (entry) => substitute(entry, given));
  const names: Record<string, Json> = { ...ownNames };
  const rest = String(text).replace(/\$\{(\w+)\}/g, (whole, name: string) => {
    if (name in names || !given.has(name)) return whole;
    const value = given.get(name);
    if (!isObject(value)) return String(value);
    names[name] = value;
    return whole;
  });
  if (Object.keys(names).length > 0) return { 'Fn::Sub': [rest, names] };
  return /\$\{/.test(rest) ? { 'Fn::Sub': rest } : rest;
}

function mapValues(object: JsonObject, change: (value: Json) => Json): Record<string, Json> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}

/** Two templates that name the same resource would silently become one. */
function merge(into: Record<string, Json>, from: JsonObject): void {
  for (const [name, value] of Object.entries(from)) {
    if (name in into) throw new MillraceError('internal', `Two templates have a resource ${name}.`);
    into[name] = value;
  }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
