import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jobFromNew } from '../../../../adapters/memory/job-states.ts';
import type { NewJob } from '../../../../engine/commit.ts';
import { createdJobText } from '../../../../functions/http/created-job-text.ts';
import { jobText } from '../../../../functions/http/views.ts';
import { aJob } from '../../../conformance/record-store.fixtures.ts';

const overrides = fc.record(
  {
    status: fc.constantFrom('pending' as const, 'queued' as const),
    payload: fc.json(),
    priority: fc.integer({ min: -32_768, max: 32_767 }),
    maxRetries: fc.nat(1000),
    retry: fc.record({ base_ms: fc.nat(), jitter: fc.double({ noNaN: true }) }, { requiredKeys: [] }),
    createdAt: fc.date({ noInvalidDate: true }),
    runAt: fc.date({ noInvalidDate: true }),
    idempotencyKey: fc.string({ unit: 'binary' }),
    partitionKey: fc.string({ unit: 'binary' }),
    unique: fc.record({ key: fc.string({ unit: 'binary' }), mode: fc.constant('drop' as const) }),
    limits: fc.record(
      {
        concurrency: fc.record({ key: fc.string(), limit: fc.nat() }),
        rate: fc.record({ key: fc.string(), limit: fc.nat(), per_seconds: fc.nat() }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

test('a job just written is shown as it will be shown when it is read', () => {
  fc.assert(
    fc.property(overrides, (some) => {
      const job: NewJob = aJob(some);
      expect(createdJobText(job)).toBe(jobText(jobFromNew(job, job.createdAt)));
    }),
  );
});
