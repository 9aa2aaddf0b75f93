import { type Definition, type Step, successors } from './definition.ts';

/**
 * What is wrong with the ways through a graph whose steps are each in order: steps that no instance can come to, and
 * places where an instance could stand for ever. What passes always gets to an END, as long as its steps do.
 */
export function graphFaults(definition: Definition): string[] {
  const { steps, first } = definition;
  const reachable = walk([first], (id) => ways(steps.get(id)));
  const faults = [...steps.keys()]
    .filter((id) => !reachable.has(id))
    .map((id) => `step "${id}" is unreachable from the first step`);
  const ends = [...reachable].filter((id) => steps.get(id)?.type === 'END');
  if (ends.length === 0) return [...faults, 'no END step is reachable from the first step'];
  const before = reversed(steps);
  const leadsToEnd = walk(ends, (id) => before.get(id) ?? []);
  faults.push(
    ...[...reachable]
      .filter((id) => !leadsToEnd.has(id))
      .map((id) => `step "${id}" can never come to an END step`),
  );
  return [...faults, ...joinFaults(definition)];
}

function ways(step: Step | undefined): string[] {
  return step ? successors(step) : [];
}

function walk(from: readonly string[], next: (id: string) => readonly string[]): Set<string> {
  const seen = new Set(from);
  for (const id of seen) for (const to of next(id)) seen.add(to);
  return seen;
}

function reversed(steps: ReadonlyMap<string, Step>): Map<string, string[]> {
  const before = new Map<string, string[]>();
  for (const step of steps.values()) {
    for (const to of successors(step)) before.set(to, [...(before.get(to) ?? []), step.id]);
  }
  return before;
}

/** A step together with the joins that are still to come for whoever stands on it, the innermost last. */
interface Place {
  readonly step: Step;
  readonly joins: readonly string[];
  readonly from: string;
}

/** More places than any graph has that a person could follow. */
const MAX_PLACES = 100_000;

/** Every branch must come to the join of the gateway that opened it, and to no other: otherwise that join waits for ever. */
function joinFaults({ steps, first }: Definition): string[] {
  const faults = new Set<string>();
  const seen = new Set<string>();
  const open: Place[] = [];
  const visit = (id: string, joins: readonly string[], from: string) => {
    const step = steps.get(id);
    const key = JSON.stringify([id, ...joins]);
    if (!step || seen.has(key)) return;
    seen.add(key);
    open.push({ step, joins, from });
  };
  visit(first, [], 'the start');
  for (let place = open.pop(); place; place = open.pop()) {
    if (seen.size > MAX_PLACES)
      return ['the gateways are nested in too many ways to be checked: simplify the graph'];
    const { step, fault, joins } = through(place);
    if (fault) {
      faults.add(fault);
      continue;
    }
    for (const next of successors(step)) visit(next, joins, `step "${step.id}"`);
  }
  return [...faults];
}

/** What is open after the step. */
function through({ step, joins, from }: Place): Place & { readonly fault?: string } {
  if (step.type === 'JOIN_GATEWAY') {
    if (joins.at(-1) === step.id) return { step, from, joins: joins.slice(0, -1) };
    const open = joins.at(-1);
    const where = open === undefined ? 'no branches are open there' : `the open branches join at "${open}"`;
    return {
      step,
      joins,
      from,
      fault: `step "${step.id}" (JOIN_GATEWAY): reached from ${from} without its gateway: ${where}`,
    };
  }
  if (step.type !== 'PARALLEL_GATEWAY' || step.joinStep === undefined) return { step, joins, from };
  if (joins.includes(step.joinStep)) {
    const fault = `step "${step.id}" (PARALLEL_GATEWAY): can be reached again before its branches have joined at "${step.joinStep}"`;
    return { step, joins, from, fault };
  }
  return { step, from, joins: [...joins, step.joinStep] };
}
