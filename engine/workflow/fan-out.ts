import { limits } from '../deps.ts';
import { rawElements } from '../raw-json.ts';
import type { Step } from './definition.ts';
import type { Draft } from './draft.ts';
import { ExpressionError } from './expression-syntax.ts';
import { evaluateJson } from './expressions.ts';
import { jobPayload, payloadTooLarge } from './job-payload.ts';
import { completeStep, failStep } from './leave-step.ts';
import type { FanOut, Token } from './state.ts';

/** Every decision about a list step reads and writes all of it. */
const MAX_ITEMS = 1000;

/** One job for each element of the step's list, so many at a time. The results become a list in the same order. */
export function startFanOut(draft: Draft, token: Token, step: Step): void {
  const each = token.each ?? readItems(draft, token, step);
  if (each) pump(draft, { ...token, each }, step);
}

/** @returns the token whose job this is; undefined when none of the step's jobs is */
export function ownerOf(draft: Draft, activation: number): Token | undefined {
  const token = draft.tokens.get(activation);
  if (token) return token.each ? undefined : token;
  for (const candidate of draft.tokens.values()) {
    if (candidate.each?.open.some((job) => job.activation === activation)) return candidate;
  }
  return undefined;
}

/** The job of one element has given a result. */
export function completeItem(draft: Draft, token: Token, job: { activation: number; result: string }): void {
  const { each } = token;
  const done = each?.open.find(({ activation }) => activation === job.activation);
  if (!each || !done) return;
  const open = each.open.filter((other) => other !== done);
  const results = each.results.with(done.index, job.result);
  pump(draft, { ...token, each: { ...each, open, results } }, draft.step(token.step));
}

function readItems(draft: Draft, token: Token, { forEach }: Step): FanOut | undefined {
  if (!forEach) return undefined;
  try {
    const text = evaluateJson(forEach.items, { variables: draft.variables, now: draft.now });
    if (!text.startsWith('[')) throw new ExpressionError('forEach.items is not a list');
    const items = rawElements(text);
    if (items.length > MAX_ITEMS)
      throw new ExpressionError(`forEach.items has more than ${MAX_ITEMS} elements`);
    return { items, pending: [...items.keys()], open: [], results: items.map(() => null) };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    failStep(draft, token, error.message);
    return undefined;
  }
}

/** Begins as many as may run, which is none while the instance does not; with none left, the step is done. */
export function pump(draft: Draft, token: Token & { readonly each: FanOut }, step: Step): void {
  const { each } = token;
  if (each.pending.length === 0 && each.open.length === 0) {
    const list = `[${each.results.map((result) => result ?? 'null').join(',')}]`;
    completeStep(draft, token, new Map([[step.output ?? step.id, list]]));
    return;
  }
  const most = draft.status === 'running' ? (step.forEach?.concurrency ?? 1) : 0;
  const room = Math.max(0, most - each.open.length);
  const begun = each.pending.slice(0, room).map((index) => ({ activation: draft.activate(), index }));
  const open = [...each.open, ...begun];
  const opened = { ...token, each: { ...each, pending: each.pending.slice(room), open } };
  draft.open(opened);
  for (const { activation, index } of begun) {
    const item = new Map([
      [step.forEach?.as ?? 'item', each.items[index] ?? 'null'],
      ['index', String(index)],
    ]);
    const payload = jobPayload(step, draft.variables, item);
    if (!step.jobType || Buffer.byteLength(payload) > limits.payloadBytes) {
      failStep(draft, opened, payloadTooLarge(step));
      return;
    }
    const { jobType: type, retryCount: maxRetries, retry } = step;
    draft.effects.push({ kind: 'job', activation, type, payload, maxRetries, retry });
  }
}
