import { type HitPolicy, hitPolicies } from '../../../engine/workflow/decision-table.ts';
import { end, task } from './definitions.ts';
import type { JobTypes } from './installation.ts';

/** One way through a definition, and how every instance that takes it must end. */
export interface Case {
  /** The foreign ids of its instances begin with it. */
  readonly key: string;
  readonly definition: string;
  readonly input: object;
  readonly copies: number;
  /** So many copies have one foreign id; otherwise each has its own. */
  readonly sharing?: number;
  /** By name: of the instance, and of that which it starts at its end. */
  readonly ends: Readonly<Record<string, End>>;
}

export interface End {
  readonly status: 'completed' | 'failed';
  /** All that its history tells, sorted; a timer that started something is the name of its step and "fired". */
  readonly steps: readonly string[];
  readonly variables: object;
  readonly reason?: string | RegExp;
}

interface Shape {
  readonly definitions: readonly { readonly id: string }[];
  readonly cases: readonly Case[];
}

const FEW = 6;
const TURNS = 500;
const BRANCHES = 200;

export function shapes(types: JobTypes): Shape {
  const all = [
    loop(types),
    wide(types),
    loan(types),
    reminded(types),
    asked(),
    shared(types),
    failing(types),
    ...hitPolicies.map((policy) => table(types, policy)),
  ];
  return {
    definitions: all.flatMap(({ definitions }) => definitions),
    cases: all.flatMap(({ cases }) => cases),
  };
}

function flow(id: string, steps: readonly Readonly<Record<string, unknown>>[], head: object = {}) {
  return { id, name: id, steps: [...steps.map((step) => ({ name: step['id'], ...step })), end], ...head };
}

function completed(steps: readonly string[], variables: object): End {
  return { status: 'completed', steps: [...steps, 'end'].sort(), variables };
}

/** The steps from a fork to its join. */
function fork(branches: readonly string[]) {
  return [
    { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: branches, joinStep: 'join' },
    { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'end' },
  ];
}

/** A thousand steps, one after the other. */
function loop({ add }: JobTypes): Shape {
  const again = { [`n < ${TURNS}`]: 'again', true: 'end' };
  const steps = [
    task('again', add, 'enough'),
    { id: 'enough', type: 'DECISION', conditionalNextSteps: again },
  ];
  const taken = Array.from({ length: TURNS }, () => ['again', 'enough']).flat();
  const ends = { loop: completed(taken, { n: TURNS }) };
  return {
    definitions: [flow('loop', steps)],
    cases: [{ key: 'loop', definition: 'loop', input: { n: 0 }, copies: 1, ends }],
  };
}

function wide({ slow }: JobTypes): Shape {
  const names = Array.from({ length: BRANCHES }, (_, n) => `b${n}`);
  const branches = names.map((name) => task(name, slow, 'join', { payload: { item: name } }));
  const seen = Object.fromEntries(names.map((name) => [`seen_${name}`, true]));
  const ends = { wide: completed([...names, 'fork', 'join'], seen) };
  return {
    definitions: [flow('wide', [...fork(names), ...branches])],
    cases: [{ key: 'wide', definition: 'wide', input: {}, copies: 2, ends }],
  };
}

/** Two definitions: one decides, here and there by a person, and the next pays what was approved. */
function loan({ credit, fraud, slow }: JobTypes): Shape {
  const [forked, joined] = fork(['credit', 'fraud']);
  const branches = {
    'fraud > 50': 'review',
    'credit >= 600 && amount < 500': 'approve',
    true: 'review',
  };
  const steps = [
    { ...forked, id: 'fork' },
    task('credit', credit, 'join'),
    task('fraud', fraud, 'join'),
    { ...joined, id: 'join', nextStep: 'decide' },
    { id: 'decide', type: 'DECISION', conditionalNextSteps: branches },
    { id: 'review', type: 'USER_TASK', nextStep: 'end' },
    { id: 'approve', type: 'TRANSFORMATION', transformations: { approved: true }, nextStep: 'end' },
  ];
  const payout = flow('payout', [
    { id: 'choose', type: 'DECISION', conditionalNextSteps: { approved: 'pay', true: 'end' } },
    task('pay', slow, 'end', { payload: { item: 'pay' } }),
  ]);
  const way = (amount: number, decided: 'review' | 'approve', approved: boolean): Case => ({
    ...{ key: `loan-${amount}`, definition: 'loan', input: { amount }, copies: FEW },
    ends: {
      loan: completed(['fork', 'credit', 'fraud', 'join', 'decide', decided], { approved }),
      payout: approved
        ? completed(['choose', 'pay'], { amount, approved, seen_pay: true })
        : completed(['choose'], { amount, approved }),
    },
  });
  const chain = { autoStartNextWorkflow: true, nextWorkflowId: 'payout' };
  return {
    definitions: [payout, flow('loan', steps, chain)],
    cases: [way(100, 'approve', true), way(700, 'review', true), way(1000, 'review', false)],
  };
}

/** A timer starts a branch beside the step that it reminds of; that of the other step never runs out. */
function reminded({ slow }: JobTypes): Shape {
  const timer = (duration: string, interrupting: boolean, targetStepId: string) => ({
    boundaryEvents: [{ type: 'TIMER', duration, interrupting, targetStepId }],
  });
  const steps = [
    ...fork(['hold', 'other']),
    { id: 'hold', type: 'WAIT', nextStep: 'join', ...timer('PT0.2S', false, 'remind') },
    task('remind', slow, 'join', { payload: { item: 'remind' } }),
    task('other', slow, 'join', { payload: { item: 'other' }, ...timer('PT1H', true, 'join') }),
  ];
  const ends = {
    reminded: completed(['fork', 'hold', 'hold fired', 'other', 'remind', 'join'], {
      ...{ seen_other: true, seen_remind: true, signalled: true },
    }),
  };
  return {
    definitions: [flow('reminded', steps)],
    cases: [{ key: 'reminded', definition: 'reminded', input: {}, copies: FEW, ends }],
  };
}

/** Two people are asked at the same time. */
function asked(): Shape {
  const people = ['one', 'two'];
  const steps = [...fork(people), ...people.map((id) => ({ id, type: 'USER_TASK', nextStep: 'join' }))];
  const ends = { asked: completed([...people, 'fork', 'join'], {}) };
  return {
    definitions: [flow('asked', steps)],
    cases: [{ key: 'asked', definition: 'asked', input: {}, copies: FEW, ends }],
  };
}

/** Pairs of instances under one foreign id, neither of which may take what is the other's. */
function shared({ add, slow }: JobTypes): Shape {
  const steps = [task('first', add, 'last'), task('last', slow, 'end')];
  const ends = { shared: completed(['first', 'last'], { n: 1, seen_none: true }) };
  return {
    definitions: [flow('shared', steps)],
    cases: [{ key: 'shared', definition: 'shared', input: { n: 0 }, copies: 2 * FEW, sharing: 2, ends }],
  };
}

/** What can only fail does so once, for its own reason. */
function failing({ add, fragile }: JobTypes): Shape {
  const none = [
    task('first', add, 'choose'),
    { id: 'choose', type: 'DECISION', conditionalNextSteps: { 'n > 9': 'end' } },
  ];
  const tired = [task('try', fragile, 'end', { payload: { forGood: true }, retryCount: 2 })];
  const failed = (id: string, steps: readonly string[], reason: string | RegExp): Case => ({
    ...{ key: id, definition: id, input: { n: 0 }, copies: FEW },
    ends: { [id]: { status: 'failed', steps, variables: {}, reason } },
  });
  return {
    definitions: [flow('unmatched', none), flow('exhausted', tired)],
    cases: [
      failed('unmatched', ['choose', 'first'], 'DecisionNoBranchMatched'),
      // The last attempt may be the one whose worker is killed.
      failed('exhausted', ['try'], /Step "try" failed: (it stays broken|The lease of worker \S+ ran out)/),
    ],
  };
}

/** What `fee` becomes where all three rules match, and where the last one does. */
const fees: Readonly<Record<HitPolicy, { readonly three: unknown; readonly one: unknown }>> = {
  UNIQUE: { three: new Error('3 rules match, and the hit policy is UNIQUE'), one: 7 },
  FIRST: { three: 2, one: 7 },
  ANY: { three: new Error('the rules that match differ, and the hit policy is ANY'), one: 7 },
  RULE_ORDER: { three: [2, 12, 7], one: [7] },
  COLLECT: { three: [2, 12, 7], one: [7] },
  SUM: { three: 21, one: 7 },
  COUNT: { three: 3, one: 1 },
  MAX: { three: 12, one: 7 },
  MIN: { three: 2, one: 7 },
};

/** A table between two jobs, the first of which gives what it looks at. */
function table({ add, slow }: JobTypes, hitPolicy: HitPolicy): Shape {
  const id = `table-${hitPolicy}`;
  const rules = [
    { when: ['n > 10'], set: { fee: 2 } },
    { when: ['n > 5', 'n < 100'], set: { fee: '${n}' } },
    { when: ['n > 1'], set: { fee: 7 } },
  ];
  const steps = [
    task('first', add, 'rate'),
    { id: 'rate', type: 'DECISION_TABLE', table: { hitPolicy, rules }, nextStep: 'last' },
    task('last', slow, 'end'),
  ];
  const at = (n: number, fee: unknown): Case => ({
    ...{ key: `${id}-${n}`, definition: id, input: { n: n - 1 }, copies: 2 },
    ends: {
      [id]:
        fee instanceof Error
          ? { status: 'failed', steps: ['first', 'rate'], variables: { n }, reason: fee.message }
          : completed(['first', 'rate', 'last'], { n, fee }),
    },
  });
  return {
    definitions: [flow(id, steps)],
    cases: [at(12, fees[hitPolicy].three), at(3, fees[hitPolicy].one)],
  };
}
