import { describe, expect, test } from 'vitest';
import { errorCodes, MillraceError } from '../../../../engine/errors.ts';
import { invalidRequest, problemReply, problemStatus } from '../../../../functions/http/problem.ts';

describe('problemReply', () => {
  test('has a status for every code, and none that is a success', () => {
    expect(Object.keys(problemStatus).sort()).toEqual(Object.keys(errorCodes).sort());
    expect(Object.values(problemStatus).every((status) => status >= 400 && status < 600)).toBe(true);
  });

  test('names code, status, cause and particulars of a refusal', () => {
    const error = new MillraceError('stale_token', 'Too late.', {
      detail: { job_id: 'j', status: 1, job_status: 'queued' },
    });

    const reply = problemReply(error);

    expect(reply.statusCode).toBe(409);
    expect(reply.headers?.['content-type']).toBe('application/problem+json');
    expect(JSON.parse(reply.body ?? '')).toEqual({
      type: '/docs#problem-stale_token',
      title: errorCodes.stale_token,
      status: 409,
      code: 'stale_token',
      detail: 'Too late.',
      job_id: 'j',
      job_status: 'queued',
    });
  });

  test.each([
    ['an unknown error', new Error('password=secret at 10.0.0.1'), 500, 'internal'],
    ['something that is no error', 'secret', 500, 'internal'],
    [
      'a lost database',
      new MillraceError('unavailable', 'secret 10.0.0.1', { detail: { secret: 1 } }),
      503,
      'unavailable',
    ],
    ['a wrong setting', new MillraceError('configuration', 'secret is not set'), 500, 'configuration'],
  ])('tells nothing of the inside for %s', (_name, error, status, code) => {
    const reply = problemReply(error, 'request-1');

    expect(reply.statusCode).toBe(status);
    expect(reply.body).not.toContain('secret');
    expect(JSON.parse(reply.body ?? '')).toMatchObject({ status, code, request_id: 'request-1' });
  });

  test('asks to come back after a second when something is unavailable', () => {
    expect(problemReply(new MillraceError('unavailable', 'x')).headers?.['retry-after']).toBe('1');
  });

  test('says what a path takes when it does not take the method', () => {
    const error = new MillraceError('method_not_allowed', 'x', { detail: { allow: ['GET', 'POST'] } });
    expect(problemReply(error).headers?.['allow']).toBe('GET, POST');
  });

  test('names a hundred faults at most', () => {
    const faults = Array.from({ length: 500 }, (_, index) => ({
      field: `jobs[${index}]`,
      message: 'is wrong',
    }));
    const body = JSON.parse(problemReply(invalidRequest(faults)).body ?? '');
    expect(body.errors).toHaveLength(100);
    expect(body.detail).toContain('and 495 more');
  });
});
