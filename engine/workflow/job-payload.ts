import { limits } from '../deps.ts';
import type { Step } from './definition.ts';
import { type Variables, writeVariables } from './variables.ts';

/**
 * What a step's job gets: the instance's variables; or, when the step has a payload of its own, that one with the variables
 * under `outputs`. Composed as text, because parsing would lose numbers beyond 2^53 and the order of keys.
 */
export function jobPayload({ payload }: Step, variables: Variables, item?: Variables): string {
  if (payload === undefined) return writeVariables(item ? new Map([...variables, ...item]) : variables);
  const own = payload.trim().slice(1, -1).trim();
  const outputs = variables.size === 0 ? '' : `"outputs":${writeVariables(variables)}`;
  const members = item ? writeVariables(item).slice(1, -1) : '';
  return own !== '' && outputs === '' && members === ''
    ? payload
    : `{${[own, members, outputs].filter((part) => part !== '').join(',')}}`;
}

/** The variables that a result makes. */
export function resultVariables({ id, output }: Step, result: string): Variables | 'merge' {
  if (output !== undefined) return new Map([[output, result]]);
  const first = result.trimStart().charAt(0);
  if (first === '{') return 'merge';
  return result.trim() === 'null' ? new Map() : new Map([[id, result]]);
}

export function payloadTooLarge({ id }: Step): string {
  return (
    `The payload of step "${id}" with the outputs of the earlier steps would be larger than ` +
    `${limits.payloadBytes / 1024} KB. Return less: put large data elsewhere and return where it is.`
  );
}
