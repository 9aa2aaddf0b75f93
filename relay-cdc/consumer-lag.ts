import type { Database } from '../adapters/postgres/sql/database.ts';
import { isMillraceError } from '../engine/errors.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { ConsumerLag, LagReader } from '../engine/ports/consumer-lag.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { StepId } from '../events/ids.ts';
import type { RelayMetrics } from './metrics.ts';
import { unlessAborted } from './waiting.ts';

export interface LagDeps {
  readonly db: Database;
  readonly openLagReader: () => Promise<LagReader>;
  readonly lagMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<RelayMetrics, 'consumerLags'>;
  /** Told of what could be read. */
  readonly onLags?: ((lags: readonly ConsumerLag[]) => void) | undefined;
}

/** Steps asked about at a time: each takes a handful of requests. */
const SIDE_BY_SIDE = 8;

/**
 * Keeps the gauge of how far each step's workers are behind. It never fails: what cannot be read is left out of the
 * gauge, and said once until it changes.
 */
export async function sampleConsumerLag(deps: LagDeps, signal: AbortSignal): Promise<void> {
  const { clock, lagMs, metrics, logger } = deps;
  let reader: LagReader | undefined;
  let told = '';
  while (!signal.aborted) {
    try {
      reader ??= await unlessAborted(deps.openLagReader(), signal);
      const { lags, problems } = await unlessAborted(sample(deps.db, reader), signal);
      metrics.consumerLags(lags);
      deps.onLags?.(lags);
      told = tell(logger, problems, told);
    } catch (error) {
      if (signal.aborted) break;
      metrics.consumerLags([]);
      told = tell(logger, [error], told);
    }
    await clock.sleep(lagMs, signal);
  }
  await reader?.close();
}

async function sample(
  db: Database,
  reader: LagReader,
): Promise<{ lags: ConsumerLag[]; problems: unknown[] }> {
  const { rows } = await db.query<{ type: StepId }>('select type from job_types order by type');
  const lags: ConsumerLag[] = [];
  const problems: unknown[] = [];
  const next = rows.values();
  await Promise.all(
    Array.from({ length: SIDE_BY_SIDE }, async () => {
      for (const { type } of next) {
        await reader.read(type).then(
          (lag) => lags.push(lag),
          (error: unknown) => problems.push(error),
        );
      }
    }),
  );
  return { lags, problems };
}

/** @returns what was told, to be told again only when it changes */
function tell(logger: Logger, problems: readonly unknown[], told: string): string {
  const codes = problems.map((error) => (isMillraceError(error) ? error.code : String(error)));
  const now = codes.sort().join();
  if (problems.length > 0 && now !== told) {
    const fields = { steps: problems.length, error: problems[0] };
    logger.warn('the lag of worker groups could not be read and is left out of the metrics', fields);
  }
  return now;
}
