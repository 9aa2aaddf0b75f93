import { MillraceError } from '../../engine/errors.ts';
import type { Json, JsonObject } from './template.ts';

/** Decides conditions whose parameters have become values: what is not built is left out, as if it had never been written. */
export function fold(resources: JsonObject, conditions: JsonObject): Record<string, Json> {
  const holds = new Map(Object.entries(conditions).map(([name, value]) => [name, decide(value, name)]));
  const kept = Object.entries(resources).filter(([, resource]) => {
    const condition = isObject(resource) ? resource['Condition'] : undefined;
    return typeof condition !== 'string' || holds.get(condition) !== false;
  });
  return Object.fromEntries(
    kept.map(([name, resource]) => [name, choose(withoutCondition(resource), holds)]),
  );
}

function decide(value: Json, name: string): boolean {
  if (isObject(value)) {
    const { 'Fn::Not': not, 'Fn::Equals': equals } = value;
    if (Array.isArray(not)) return !decide(not[0], name);
    if (Array.isArray(equals) && equals.every((side) => !isObject(side))) return equals[0] === equals[1];
  }
  throw new MillraceError(
    'internal',
    `The condition ${name} is more than Equals and Not of parameters; teach fold.ts.`,
  );
}

function choose(value: Json, holds: ReadonlyMap<string, boolean>): Json {
  if (Array.isArray(value)) return value.map((entry) => choose(entry, holds));
  if (!isObject(value)) return value;
  const branch = value['Fn::If'];
  if (Array.isArray(branch)) return choose(holds.get(String(branch[0])) ? branch[1] : branch[2], holds);
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, choose(entry, holds)]));
}

function withoutCondition(resource: Json): Json {
  if (!isObject(resource)) return resource;
  const { Condition: _, ...rest } = resource;
  return rest;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
