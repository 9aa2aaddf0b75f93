import { rawMembers } from '../raw-json.ts';
import type { WorkflowEvent } from '../workflow/events.ts';
import type { Instance } from '../workflow/state.ts';
import { readVariables, writeVariables } from '../workflow/variables.ts';

/** What one instance tells another: JSON text in the store, an event when the other decides about it. */

export function childEndedText(activation: number, { status, failureReason, variables }: Instance): string {
  const fields = JSON.stringify({ kind: 'childEnded', activation, status, reason: failureReason });
  return `${fields.slice(0, -1)},"variables":${writeVariables(variables)}}`;
}

export function cancelledText(reason: string): string {
  return JSON.stringify({ kind: 'cancelled', reason });
}

export function messageEvent(text: string): WorkflowEvent {
  const message = JSON.parse(text) as {
    readonly kind: 'childEnded' | 'cancelled';
    readonly activation: number;
    readonly status: 'completed' | 'failed' | 'cancelled';
    readonly reason: string | null;
  };
  const reason = message.reason ?? undefined;
  if (message.kind === 'cancelled') return { kind: 'cancelled', reason };
  const { activation, status } = message;
  const variables = readVariables(rawMembers(text).get('variables') ?? '{}');
  return { kind: 'childEnded', activation, status, variables, reason };
}
