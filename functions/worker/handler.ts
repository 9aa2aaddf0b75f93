import { openTracing } from '../../adapters/opentelemetry/open-tracing.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import config from '../../millrace.config.ts';
import { createMskHandler, type MskHandler } from '../../sdk/worker/msk-handler.ts';
import { readWorkerConfig } from './config.ts';

const { logLevel, traced, ...settings } = readWorkerConfig();
const tracing = await openTracing(traced);

const work = createMskHandler({
  ...settings,
  tracing,
  handlers: config.jobs,
  logger: createJsonLogger(logLevel),
});

/** The worker Lambda: behind one event source mapping a step, or one for several. */
export const handler: MskHandler = async (event, context) => {
  try {
    return await work(event, context);
  } finally {
    // The environment may be frozen with the answer.
    await tracing?.flush();
  }
};
