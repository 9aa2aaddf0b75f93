import { randomUUID } from 'node:crypto';
import { readResults, toClaimAnswer, toHeartbeatAnswer, toSettleAnswer } from './api-answers.ts';
import { chunk } from './chunks.ts';
import { createPostJson, type HttpOptions } from './post-json.ts';
import type { JobFailure, JobResult, Undecodable, WorkerApi } from './worker-api.ts';

export interface ApiClientOptions extends HttpOptions {
  /** Names this worker in the jobs it runs. */
  readonly workerId: string;
  /** For how long a claim or a heartbeat holds a job, in seconds. */
  readonly leaseSeconds: number;
}

/** Entries of one request, and bytes of its body. Lambda takes 6 MB, counting the body as a JSON string: a quote is two. */
const LIMITS = { count: 1000, bytes: 3_000_000 } as const;
/** Kept of each undecodable record's key and value, in bytes: enough to see what it is, and always within a request. */
const KEPT_BYTES = 1_000_000;

/** The Millrace API over HTTP, for workers. They hold no credentials of database or broker. */
export function createApiClient(options: ApiClientOptions): WorkerApi {
  const post = createPostJson(options);
  const { workerId, leaseSeconds } = options;
  return {
    claim: (ids, signal, publishedAt) =>
      each(plain(ids.map((id, index) => ({ id, at: publishedAt?.[index] }))), async (part) => {
        const times = part.flatMap(({ at }) => at ?? []);
        const body = {
          ids: idsOf(part),
          ...(times.length === part.length ? { published_at: times } : {}),
          // One for all tries of this request: a claim whose answer is lost gets the same leases again.
          claim_id: randomUUID(),
          worker_id: workerId,
          lease_seconds: leaseSeconds,
        };
        const answer = await post('/api/v1/jobs/claim', JSON.stringify(body), signal);
        return readResults(answer, body.ids, toClaimAnswer);
      }),
    heartbeat: (leases, signal) =>
      each(plain(leases), async (part) => {
        const jobs = part.map(({ id, token }) => ({ id, token }));
        const body = JSON.stringify({ jobs, lease_seconds: leaseSeconds });
        return readResults(
          await post('/api/v1/jobs/heartbeat', body, signal),
          idsOf(part),
          toHeartbeatAnswer,
        );
      }),
    complete: (results, signal) =>
      each(
        sized(results, ({ result }) => result.length + 150),
        async (part) => {
          const jobs = part.map(completionText);
          const answer = await post('/api/v1/jobs/complete', `{"jobs":[${jobs.join(',')}]}`, signal);
          return readResults(answer, idsOf(part), toSettleAnswer);
        },
      ),
    fail: (failures, signal) =>
      each(
        sized(failures, ({ error }) => error.length + 150),
        async (part) => {
          const jobs = part.map(failureBody);
          const answer = await post('/api/v1/jobs/fail', JSON.stringify({ jobs }), signal);
          return readResults(answer, idsOf(part), toSettleAnswer);
        },
      ),
    async recordUndecodable(records, signal) {
      const wire = sized(
        records.map(undecodableBody),
        ({ key, value }) => (key?.length ?? 0) + (value?.length ?? 0) + 500,
      );
      await each(wire, async (part) => {
        await post('/api/v1/undecodable-records', JSON.stringify({ records: part }), signal);
        return [];
      });
    },
  };
}

/** A result is JSON already, and goes in as it is. */
function completionText({ id, token, result, heldMs }: JobResult): string {
  const held = heldMs === undefined ? '' : `,"held_ms":${heldMs}`;
  return `{"id":${JSON.stringify(id)},"token":${JSON.stringify(token)},"result":${result}${held}}`;
}

function failureBody({ id, token, error, retryable, retryAfterMs }: JobFailure) {
  return { id, token, error, retryable, retry_after_ms: retryAfterMs };
}

function undecodableBody({ topic, partition, offset, key, value, reason }: Undecodable) {
  return { topic, partition, offset: Number(offset), key: base64(key), value: base64(value), reason };
}

function base64(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.subarray(0, KEPT_BYTES).toString('base64');
}

/** Requests one after the other, so that a large batch does not turn into a burst. */
async function each<T, Answer>(
  parts: readonly T[][],
  send: (part: readonly T[]) => Promise<Answer[]>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const part of parts) answers.push(...(await send(part)));
  return answers;
}

function plain<T>(items: readonly T[]): T[][] {
  return sized(items, () => 0);
}

function sized<T>(items: readonly T[], sizeOf: (item: T) => number): T[][] {
  return chunk(items, { ...LIMITS, sizeOf });
}

function idsOf(entries: readonly { id: string }[]): string[] {
  return entries.map(({ id }) => id);
}
