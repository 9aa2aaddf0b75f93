import type { Context } from 'aws-lambda';
import { sdkClock } from './clock.ts';
import { lambdaDeadline } from './deadline.ts';
import { readMskEvent } from './msk-event.ts';
import { type KafkaBatchResponse, toBatchItemFailures } from './partial-batch.ts';
import { processRecordsFrom, type WorkerOptions } from './worker-options.ts';

/** What the handler needs of Lambda's context. */
export type MskContext = Pick<Context, 'getRemainingTimeInMillis'>;

export type MskHandler = (event: unknown, context: MskContext) => Promise<KafkaBatchResponse>;

/**
 * The Lambda function of an MSK (or self-managed Kafka) event source mapping with `FunctionResponseTypes:
 * [ReportBatchItemFailures]`. It fails as a whole only for an event that is not one; everything else is in the answer.
 *
 *     export const handler = createMskHandler({ handlers: config.jobs, apiUrl: 'https://…' });
 */
export function createMskHandler(options: WorkerOptions): MskHandler {
  const processRecords = processRecordsFrom(options);
  const clock = options.clock ?? sdkClock;
  return async (event, context) => {
    using deadline = lambdaDeadline(() => context.getRemainingTimeInMillis(), clock);
    const topics = Map.groupBy(readMskEvent(event), ({ topic }) => topic);
    const failures = await Promise.all(
      [...topics].map(async ([topic, records]) =>
        toBatchItemFailures(topic, await processRecords(records, deadline)),
      ),
    );
    return { batchItemFailures: failures.flat() };
  };
}
