import { setTimeout as delay } from 'node:timers/promises';
import { BENCH_TYPE, type BenchStack } from './environment.ts';
import { startRelay } from './relay-drain.ts';

export interface LiveResult {
  /** Accepted and not yet published when the load ended. */
  readonly backlog: number;
  readonly drainMs: number;
  readonly accepted: number;
  readonly published: number;
}

const DRAIN_DEADLINE_MS = 60_000;

/** Runs the load while a relay publishes what it writes, then waits until everything is published and counts it. */
export async function whileRelayPublishes<T>(
  stack: BenchStack,
  load: () => Promise<T>,
): Promise<T & { readonly live: LiveResult }> {
  await stack.pool.query('truncate jobs, dispatch_outbox, audit_log');
  // The API has registered the sample types, whose topics this broker does not have.
  await stack.pool.query('delete from job_types where type <> $1', [BENCH_TYPE]);
  const relay = await startRelay(stack);
  try {
    const result = await load();
    const backlog = await count(
      stack,
      'select coalesce(sum(message_count), 0) as count from dispatch_outbox',
    );
    const start = performance.now();
    while ((await count(stack, 'select count(*) from dispatch_outbox')) > 0) {
      if (performance.now() - start > DRAIN_DEADLINE_MS)
        throw new Error('the relay did not drain the outbox');
      await delay(10);
    }
    const drainMs = performance.now() - start;
    const accepted = await count(stack, 'select count(*) from jobs');
    const published = await count(
      stack,
      "select sum(coalesce((detail ->> 'messages')::integer, 1)) as count from audit_log where action = 'DISPATCHED_VIA_BROKER'",
    );
    return { ...result, live: { backlog, drainMs, accepted, published } };
  } finally {
    await relay.stop();
  }
}

async function count(stack: BenchStack, query: string): Promise<number> {
  const { rows } = await stack.pool.query<{ count: string }>(query);
  return Number(rows[0]?.count);
}
