import { enqueueJob } from '../../../engine/commands/enqueue-jobs.ts';
import type { StepId } from '../../../events/ids.ts';
import { createApp } from '../../../functions/compose.ts';
import { readFunctionsConfig } from '../../../functions/config.ts';
import { problemReply } from '../../../functions/http/problem.ts';

const REQUEST = { type: 'noop' as StepId, payload: '{}', maxRetries: 0 };

/**
 * The statuses that so many execution environments answer which all start cold and are all asked for a job at once. Each is
 * what a container of the function holds: its own pool of one connection, and all that is made upon it.
 */
export async function enqueueInCold(
  count: number,
  environment: Readonly<Record<string, string>>,
): Promise<number[]> {
  const config = readFunctionsConfig({
    ...environment,
    AWS_LAMBDA_FUNCTION_NAME: 'api',
    WE_LOG_LEVEL: 'error',
  });
  const apps = Array.from({ length: count }, () => createApp(config));
  try {
    return await Promise.all(
      apps.map(({ deps }) =>
        enqueueJob(deps, REQUEST).then(
          () => 201,
          (error: unknown) => problemReply(error).statusCode ?? 0,
        ),
      ),
    );
  } finally {
    await Promise.all(apps.map((app) => app.close()));
  }
}
