import type { InstanceDetail } from '../../../engine/ports/record-store.ts';
import type { Definition, Step } from '../../../engine/workflow/definition.ts';

export const nodeStates = ['idle', 'running', 'completed', 'failed', 'cancelled'] as const;

export type NodeState = (typeof nodeStates)[number];

/** A graph as it is to be drawn: node texts are as they were uploaded, and each form escapes them its own way. */
export interface Drawing {
  readonly title: string;
  readonly nodes: readonly DrawnNode[];
  readonly edges: readonly DrawnEdge[];
}

export interface DrawnNode {
  readonly name: string;
  readonly kind: Step['type'];
  readonly state: NodeState;
  /** How often it was entered, where more than once. */
  readonly times: number;
}

/** From and to: indexes of nodes. */
export interface DrawnEdge {
  readonly from: number;
  readonly to: number;
  readonly label: string;
  /** Taken by a timer. */
  readonly dashed: boolean;
}

const MAX_TEXT = 60;

/** The graph of a definition, coloured by what an instance of it has done, where one is given. */
export function drawingOf(definition: Definition, detail?: InstanceDetail): Drawing {
  const steps = [...definition.steps.values()];
  const indexes = new Map(steps.map(({ id }, index) => [id, index]));
  const states = detail ? statesOf(detail) : new Map<string, NodeState>();
  const times = detail ? timesOf(detail) : new Map<string, number>();
  const status = detail ? ` (${detail.instance.status})` : '';
  return {
    title: shortened(`${definition.name}${status}`),
    nodes: steps.map(({ id, name, type: kind }) => ({
      name: shortened(name),
      kind,
      state: states.get(id) ?? 'idle',
      times: times.get(id) ?? 0,
    })),
    edges: steps.flatMap((step, from) =>
      edgesOf(step).flatMap(({ target, label, dashed = false }) => {
        const to = indexes.get(target);
        return to === undefined ? [] : [{ from, to, label: shortened(label), dashed }];
      }),
    ),
  };
}

interface Way {
  readonly target: string;
  readonly label: string;
  readonly dashed?: boolean;
}

function edgesOf(step: Step): Way[] {
  const { branches, nextStep, parallelNextSteps, timers } = step;
  const otherwise = branches.length > 0 ? 'otherwise' : '';
  return [
    ...branches.map(({ when, to }) => ({ target: to, label: when.text })),
    ...(nextStep === undefined ? [] : [{ target: nextStep, label: otherwise }]),
    ...parallelNextSteps.map((target) => ({ target, label: '' })),
    ...timers.map(({ afterMs, target }) => ({ target, label: `after ${afterMs / 1000} s`, dashed: true })),
  ];
}

/** The latest that is known of each step: what is under way goes before what has ended. */
function statesOf({ instance, history }: InstanceDetail): Map<string, NodeState> {
  const states = new Map<string, NodeState>();
  for (const { step, status } of history) {
    if (status === 'fired') continue;
    states.set(step, status === 'interrupted' ? 'cancelled' : status);
  }
  for (const { step } of instance.state.tokens) states.set(step, 'running');
  return states;
}

function timesOf({ instance, history }: InstanceDetail): Map<string, number> {
  const times = new Map<string, number>();
  const entries = [...history.filter(({ status }) => status !== 'fired'), ...instance.state.tokens];
  for (const { step } of entries) times.set(step, (times.get(step) ?? 0) + 1);
  return times;
}

function shortened(text: string): string {
  const characters = [...text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\s\uFFFE\uFFFF]+/gu, ' ').trim()];
  return characters.length <= MAX_TEXT
    ? characters.join('')
    : `${characters.slice(0, MAX_TEXT - 1).join('')}…`;
}

export function caption({ kind, times }: DrawnNode): string {
  const words = kind.toLowerCase().replaceAll('_', ' ');
  return times > 1 ? `${words} ×${times}` : words;
}
