import { isMillraceError } from '../../engine/errors.ts';

/** What a script can go by. `docs/cli.md` is made from this. */
export const exitCodes = {
  0: 'Done.',
  1: 'It failed; the message says why and what to do.',
  2: 'The command line or what it asks for is not as documented.',
  3: 'There is no such job, workflow or schedule.',
  4: 'It is not in a state from which this is allowed, or the key was used with another request.',
  5: 'The API, the database or the broker cannot be reached. Trying again later can succeed.',
  6: 'What was watched has ended, and not well.',
  7: 'WE_API_KEY is not let in, or lacks the scope.',
} as const;

export type ExitCode = keyof typeof exitCodes;

const CONFLICTS = new Set([
  'illegal_transition',
  'idempotency_conflict',
  'schedule_exists',
  'workflow_ended',
]);
const MISUSES = new Set([
  'invalid_request',
  'malformed_json',
  'body_too_large',
  'unknown_job_type',
  'method_not_allowed',
]);

export function exitCodeOf(error: unknown): ExitCode {
  if (!isMillraceError(error)) return 1;
  if (MISUSES.has(error.code)) return 2;
  if (error.code === 'not_found') return 3;
  if (error.code === 'unauthorized' || error.code === 'forbidden') return 7;
  if (CONFLICTS.has(error.code)) return 4;
  // Only what the verbs through the API throw: for the others a failure has always been a 1.
  return error.detail['api'] === undefined ? 1 : 5;
}
