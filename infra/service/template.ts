import { readFileSync } from 'node:fs';
import { CORE_SCHEMA, load, Type } from 'js-yaml';

/** Anything that JSON can say. */
export type Json = string | number | boolean | null | undefined | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

export interface Parameter {
  readonly Type: string;
  readonly Default?: Json;
}

export interface Template {
  readonly Parameters?: Readonly<Record<string, Parameter>>;
  readonly Conditions?: JsonObject;
  readonly Resources: JsonObject;
  readonly Outputs?: Readonly<Record<string, { readonly Value: Json }>>;
}

/** Reads CloudFormation's YAML, with its short forms (`!Ref`) written out (`{ Ref }`). */
export function readTemplate(path: string): Template {
  // The file is ours, and cfn-lint has checked it.
  return load(readFileSync(path, 'utf8'), { schema: CLOUDFORMATION, filename: path }) as Template;
}

const FUNCTIONS =
  'Ref Condition GetAtt Sub Join Select Split If Equals Not And Or GetAZs Cidr ImportValue Base64'.split(' ');

// Without the schema's own dates: the version of a policy is text.
const CLOUDFORMATION = CORE_SCHEMA.extend(
  FUNCTIONS.flatMap((name) =>
    (['scalar', 'sequence', 'mapping'] as const).map(
      (kind) =>
        new Type(`!${name}`, {
          kind,
          construct: (data: unknown) => ({ [longName(name)]: name === 'GetAtt' ? attribute(data) : data }),
        }),
    ),
  ),
);

function longName(name: string): string {
  return name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`;
}

function attribute(data: unknown): unknown {
  if (typeof data !== 'string') return data;
  const dot = data.indexOf('.');
  return [data.slice(0, dot), data.slice(dot + 1)];
}
