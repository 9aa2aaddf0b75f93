import type { JobId } from '../../events/ids.ts';
import { toClaimAnswer } from './api-answers.ts';
import type { ApiClientOptions } from './api-client.ts';
import { asArray, asFields, asText, type Fields } from './narrow.ts';
import { createPostJson } from './post-json.ts';
import type { ClaimAnswer } from './worker-api.ts';

/** What a worker that polls needs besides the WorkerApi. */
export interface PollApi {
  /** Tried once: what a poll whose answer was lost has taken, the next one under its claim id and with `again` gives. */
  poll(request: WorkerPoll, signal?: AbortSignal): Promise<PolledJob[]>;
}

export interface WorkerPoll {
  readonly types: readonly string[];
  readonly limit: number;
  readonly claimId: string;
  readonly again: boolean;
  readonly waitMs: number;
}

export interface PolledJob {
  readonly id: JobId;
  readonly claim: Extract<ClaimAnswer, { outcome: 'claimed' }>;
  /** The payload as it was accepted, byte for byte. */
  readonly payloadText: string;
}

/** More than the API may wait, so that its answer is the usual end. */
const REQUEST_TIMEOUT_MS = 30_000;

/** @throws MillraceError `configuration` for an address that is none */
export function createPollClient(options: ApiClientOptions): PollApi {
  const post = createPostJson({ ...options, requestTimeoutMs: REQUEST_TIMEOUT_MS, retryForMs: 0 });
  const { workerId, leaseSeconds } = options;
  return {
    async poll({ types, limit, claimId, again, waitMs }, signal) {
      const body = {
        types,
        limit,
        claim_id: claimId,
        again,
        wait_ms: waitMs,
        worker_id: workerId,
        lease_seconds: leaseSeconds,
        payload_as: 'text',
      };
      const answer = await post('/api/v1/jobs/poll', JSON.stringify(body), signal);
      return asArray(asFields(answer, 'the answer')['jobs'], 'jobs').map((entry, index) =>
        toPolledJob(asFields(entry, `jobs[${index}]`)),
      );
    },
  };
}

function toPolledJob(entry: Fields): PolledJob {
  const job = asFields(entry['job'], 'job');
  const claim = toClaimAnswer({ ...entry, outcome: 'claimed' });
  if (claim.outcome !== 'claimed') throw new Error('a polled job is a claimed one');
  return {
    id: asText(job['id'], 'job.id') as JobId,
    claim,
    payloadText: asText(job['payload_text'], 'job.payload_text'),
  };
}
