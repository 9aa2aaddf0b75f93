import { describe, expect, it } from 'vitest';
import { canMove, hasEnded, isJobStatus, jobStatuses, jobTransitions } from '../../../engine/job.ts';

/** Written out a second time, from the architecture's sentence and not from the code. */
const allowed = new Set([
  'pending→queued',
  'pending→cancelled',
  'queued→running',
  'queued→dead_letter',
  'queued→cancelled',
  'running→completed',
  'running→failed',
  'running→cancelled',
  'failed→retrying',
  'failed→dead_letter',
  'failed→cancelled',
  'retrying→queued',
  'retrying→cancelled',
  // A redrive, which somebody asks for.
  'dead_letter→queued',
  'cancelled→queued',
  // Of a job with limits, which stands in line again.
  'dead_letter→pending',
  'cancelled→pending',
]);

const pairs = jobStatuses.flatMap((from) => jobStatuses.map((to) => [from, to] as const));

describe('the states of a job', () => {
  it.each(pairs)('%s → %s is allowed or refused as the table says', (from, to) => {
    expect(canMove(from, to)).toBe(allowed.has(`${from}→${to}`));
  });

  it('have ended where nothing but a redrive leads on', () => {
    expect(jobStatuses.filter(hasEnded)).toEqual(['completed', 'dead_letter', 'cancelled']);
    expect(jobTransitions.completed).toEqual([]);
    expect(jobTransitions.dead_letter).toEqual(jobTransitions.cancelled);
  });

  it('can each be reached from pending', () => {
    const reached = new Set<string>(['pending']);
    for (const status of reached) {
      if (isJobStatus(status)) for (const next of jobTransitions[status]) reached.add(next);
    }
    expect(reached).toEqual(new Set(jobStatuses));
  });

  it('are told from other words', () => {
    expect(isJobStatus('running')).toBe(true);
    expect(isJobStatus('toString')).toBe(false);
  });
});
