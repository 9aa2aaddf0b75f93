import { randomUUID } from 'node:crypto';
import { heartbeat } from '../../engine/commands/claim-jobs.ts';
import type { SettleOutcome } from '../../engine/commands/settle.ts';
import { limits } from '../../engine/deps.ts';
import type { JobRecord } from '../../engine/job.ts';
import type { ClaimOutcome, HeartbeatOutcome } from '../../engine/ports/record-store.ts';
import type { JobId, StepId } from '../../events/ids.ts';
import type { PollApi, PolledJob } from '../../sdk/worker/poll-client.ts';
import type { ClaimAnswer, HeartbeatAnswer, SettleAnswer, WorkerApi } from '../../sdk/worker/worker-api.ts';
import type { App } from '../compose.ts';
import { within } from '../http/accept.ts';
import { claim, leaseFields, poll } from '../http/claims.ts';
import { complete, fail } from '../http/settlements.ts';

/** Of the jobs of one poll together: they are held in memory, not in an answer. */
const POLL_PAYLOAD_BYTES = 16 * limits.pollPayloadBytes;
const STAYS = new AbortController().signal;

/**
 * What a worker needs of Millrace, in the worker's own process: the commands that the HTTP API calls, on the worker's own
 * connections to PostgreSQL.
 */
export function createInProcessApi(
  app: App,
  { workerId, leaseSeconds }: { readonly workerId: string; readonly leaseSeconds: number },
): WorkerApi & PollApi {
  const lease = { workerId, leaseMs: leaseSeconds * 1000 };
  return {
    claim: async (ids, _signal, publishedAt) => {
      const published = new Map(publishedAt?.map((at, index) => [ids[index] as JobId, at]));
      const outcomes = await claim(app, { ids, claimId: randomUUID(), ...lease }, published);
      return outcomes.map(toClaimAnswer);
    },
    heartbeat: async (leases) => (await heartbeat(app.deps, leases, lease.leaseMs)).map(toHeartbeatAnswer),
    complete: async (results) => {
      const completions = results.map(({ id, token, result, heldMs }) => ({
        id,
        token,
        result: within(result, 'result'),
        heldMs,
      }));
      return (await complete(app, completions)).map(toSettleAnswer);
    },
    fail: async (failures) => (await fail(app, failures)).map(toSettleAnswer),
    recordUndecodable: (records) => app.deps.store.recordUndecodable(records),
    poll: async ({ types, limit, claimId, again, waitMs }, signal = STAYS) => {
      const { arrivals } = app;
      const request = { types: types as readonly StepId[], limit, payloadBytes: POLL_PAYLOAD_BYTES, claimId };
      const wait = arrivals && { arrivals, ms: waitMs };
      const jobs = await poll(app, { ...request, again, ...lease }, { gone: signal, wait });
      return jobs.map(toPolledJob);
    },
  };
}

function toPolledJob(job: JobRecord): PolledJob {
  return { id: job.id, claim: claimed(job), payloadText: job.payload };
}

function claimed(job: JobRecord): PolledJob['claim'] {
  const { token, attempt, lease_until: leaseUntil, traceparent } = leaseFields(job);
  return { outcome: 'claimed', token, attempt, leaseUntil, traceparent, job };
}

function toClaimAnswer(outcome: ClaimOutcome): ClaimAnswer {
  switch (outcome.kind) {
    case 'claimed':
      return claimed(outcome.job);
    case 'not_claimable':
      return { outcome: outcome.kind, status: outcome.status, attempt: outcome.attempt };
    case 'not_found':
      return { outcome: outcome.kind };
    default:
      return outcome satisfies never;
  }
}

function toHeartbeatAnswer(outcome: HeartbeatOutcome): HeartbeatAnswer {
  switch (outcome.kind) {
    case 'extended':
      return { outcome: outcome.kind, leaseUntil: outcome.leaseUntil };
    case 'lost':
      return { outcome: outcome.kind, status: outcome.status };
    case 'not_found':
      return { outcome: outcome.kind };
    default:
      return outcome satisfies never;
  }
}

function toSettleAnswer(outcome: SettleOutcome): SettleAnswer {
  if (outcome.kind === 'not_found') return { outcome: outcome.kind };
  return { outcome: outcome.kind, status: outcome.status };
}
