import { isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type * as z from 'zod';
import type { Environment } from '../../adapters/env.ts';
import { MillraceError } from '../../engine/errors.ts';

export interface ReadOptions<Schema extends z.ZodType> {
  readonly file: string;
  readonly env: Environment;
  readonly schema: Schema;
  /** Whether a variable that is not set is a fault, or stays as it is written, for whoever does not need what it holds. */
  readonly unset?: 'fault' | 'keep';
}

/**
 * Reads YAML whose values may name variables, `${NAME}` or `${NAME:-otherwise}`, and checks it against a schema. Everything
 * that is wrong is told at once, each with its line. Variables stand in values only, and what is put in is never read as YAML.
 */
export function readDocument<Schema extends z.ZodType>(
  text: string,
  { file, env, schema, unset = 'fault' }: ReadOptions<Schema>,
): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => `${file}:${lines.linePos(offset).line}`;
  const faults = document.errors.map(({ message, pos }) => `${at(pos[0])} ${message}`);
  visit(document, {
    Scalar: (key, node) => {
      if (key === 'key' || typeof node.value !== 'string') return;
      node.value = substitute(node.value, env, (name) => {
        if (unset === 'keep') return `\${${name}}`;
        faults.push(`${at(node.range?.[0] ?? 0)} \${${name}} is not set in the environment`);
        return '';
      });
    },
  });
  if (faults.length > 0) throw unreadable(file, faults);
  const checked = schema.safeParse(document.toJS());
  if (checked.success) return checked.data;
  const told = checked.error.issues.flatMap((issue) => faultsOf(issue, document.contents, at));
  throw unreadable(file, told);
}

function substitute(text: string, env: Environment, missing: (name: string) => string): string {
  return text.replaceAll(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (_, name: string, otherwise?: string) => {
      return (env[name] || otherwise) ?? missing(name);
    },
  );
}

function faultsOf(issue: z.core.$ZodIssue, root: Node | null, at: (offset: number) => string): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return `${at(offsetOf(root, path))} ${path.join('.')} is not known here`;
    });
  }
  return [`${at(offsetOf(root, issue.path))} ${issue.path.join('.')}: ${issue.message}`];
}

/** Where the key of the last step stands, or the nearest thing above it that is there. */
function offsetOf(root: Node | null, path: readonly PropertyKey[]): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
      if (!pair) return offset;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (typeof node === 'object' && node !== null && 'items' in node && Array.isArray(node.items)) {
      node = node.items[Number(step)];
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value;
}

function unreadable(file: string, faults: readonly string[]): MillraceError {
  return new MillraceError('configuration', `${file} cannot be used:\n  ${faults.join('\n  ')}`, {
    detail: { faults },
  });
}
