import { type DecisionTable, hitPolicies, type Rule } from './decision-table.ts';
import type { Assignment } from './definition.ts';
import type { FieldReader } from './field-reader.ts';

type ReadAssignments = (
  fields: FieldReader,
  members: ReadonlyMap<string, string> | undefined,
) => Assignment[];

/** The `table` of a DECISION_TABLE step. */
export function readTable(fields: FieldReader, readAssignments: ReadAssignments): DecisionTable | undefined {
  const raw = fields.raw('table', '{');
  const table = raw === undefined ? undefined : fields.within('table', raw);
  if (!table) return undefined;
  const named = table.text('hitPolicy') ?? 'UNIQUE';
  const hitPolicy = hitPolicies.find((policy) => policy === named);
  if (!hitPolicy) table.fault(`: unknown hitPolicy "${named}" (there are ${hitPolicies.join(', ')})`);
  const rules = (table.list('rules') ?? []).flatMap((rule, index): Rule[] => {
    const at = `rules[${index}]`;
    const inner = table.within(at, rule);
    if (!inner) return [];
    const when = (inner.list('when') ?? []).flatMap((condition) => {
      const text: unknown = JSON.parse(condition);
      if (typeof text !== 'string') inner.fault('when must be a list of expressions');
      return inner.expression('when', String(text)) ?? [];
    });
    const set = readAssignments(inner, inner.object('set'));
    if (set.length === 0) inner.fault(': set must not be empty');
    table.adopt(inner, at);
    return [{ when, set }];
  });
  const otherwise = table.object('otherwise');
  const result = otherwise && readAssignments(table, otherwise);
  if (rules.length === 0) table.fault(': rules must not be empty');
  fields.adopt(table, 'table');
  return hitPolicy && { hitPolicy, rules, otherwise: result };
}
