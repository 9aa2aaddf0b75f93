import type { Assignment } from './definition.ts';
import { ExpressionError } from './expression-syntax.ts';
import { asNumber, fromText } from './expression-values.ts';
import { type Expression, evaluateCondition, evaluateJson, type Scope } from './expressions.ts';
import type { Variables } from './variables.ts';

export const hitPolicies = [
  'UNIQUE',
  'FIRST',
  'ANY',
  'RULE_ORDER',
  'COLLECT',
  'SUM',
  'COUNT',
  'MAX',
  'MIN',
] as const;

export type HitPolicy = (typeof hitPolicies)[number];

export interface DecisionTable {
  readonly hitPolicy: HitPolicy;
  readonly rules: readonly Rule[];
  /** What the outputs become when no rule matches. */
  readonly otherwise?: readonly Assignment[] | undefined;
}

export interface Rule {
  /** All must hold; none always do. */
  readonly when: readonly Expression[];
  readonly set: readonly Assignment[];
}

/** @throws ExpressionError when the rules that match do not make one answer under the table's hit policy */
export function decideTable(table: DecisionTable, scope: Scope): Variables {
  const matching = matchingRules(table, scope);
  if (matching.length === 0 && table.otherwise) return assign(table.otherwise, scope);
  switch (table.hitPolicy) {
    case 'FIRST':
      return single(matching[0], scope);
    case 'UNIQUE':
      if (matching.length > 1) {
        throw new ExpressionError(`${matching.length} rules match, and the hit policy is UNIQUE`);
      }
      return single(matching[0], scope);
    case 'ANY':
      return agreed(matching, scope);
    case 'RULE_ORDER':
    case 'COLLECT':
      return aggregate(table, { matching, scope }, (values) => `[${values.join(',')}]`);
    case 'COUNT':
      return aggregate(table, { matching, scope }, (values) => String(values.length));
    case 'SUM':
      return aggregate(table, { matching, scope }, (values) =>
        String(numbers(values).reduce((a, b) => a + b, 0)),
      );
    case 'MAX':
      return aggregate(table, { matching, scope }, (values) => extreme(values, Math.max));
    case 'MIN':
      return aggregate(table, { matching, scope }, (values) => extreme(values, Math.min));
    default:
      return table.hitPolicy satisfies never;
  }
}

/** The variables that the assignments make, each of which sees those before it. @throws ExpressionError */
export function assign(assignments: readonly Assignment[], scope: Scope): Variables {
  const made = new Map<string, string>();
  const seen = new Map(scope.variables);
  for (const { name, value } of assignments) {
    try {
      const text = typeof value === 'string' ? value : evaluateJson(value, { ...scope, variables: seen });
      made.set(name, text);
      seen.set(name, text);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      throw new ExpressionError(`"${name}": expression eval: ${error.message}`);
    }
  }
  return made;
}

function matchingRules({ hitPolicy, rules }: DecisionTable, scope: Scope): Rule[] {
  const holds = (rule: Rule) => rule.when.every((condition) => evaluateCondition(condition, scope));
  if (hitPolicy !== 'FIRST') return rules.filter(holds);
  const first = rules.find(holds);
  return first ? [first] : [];
}

function single(rule: Rule | undefined, scope: Scope): Variables {
  if (!rule) throw new ExpressionError('no rule matched (DecisionNoBranchMatched)');
  return assign(rule.set, scope);
}

function agreed(rules: readonly Rule[], scope: Scope): Variables {
  const answer = single(rules[0], scope);
  for (const rule of rules.slice(1)) {
    const other = assign(rule.set, scope);
    const same =
      other.size === answer.size && [...answer].every(([name, value]) => other.get(name) === value);
    if (!same) throw new ExpressionError('the rules that match differ, and the hit policy is ANY');
  }
  return answer;
}

/** Each output over all rules that match, in the order of the rules. */
function aggregate(
  table: DecisionTable,
  { matching, scope }: { readonly matching: readonly Rule[]; readonly scope: Scope },
  combine: (values: readonly string[]) => string,
): Variables {
  const answers = matching.map((rule) => assign(rule.set, scope));
  const names = new Set(table.rules.flatMap(({ set }) => set.map(({ name }) => name)));
  return new Map(
    [...names].map((name) => [name, combine(answers.flatMap((answer) => answer.get(name) ?? []))]),
  );
}

function numbers(values: readonly string[]): number[] {
  return values.map((text) => {
    const value = asNumber(fromText(text));
    if (typeof value === 'number') return value;
    throw new ExpressionError(`${text} is not a number that can be computed with`);
  });
}

function extreme(values: readonly string[], choose: (...numbers: number[]) => number): string {
  return values.length === 0 ? 'null' : String(choose(...numbers(values)));
}
