import { createJsonLogger } from '../../adapters/system/logger.ts';
import config from '../../millrace.config.ts';
import { createMskHandler } from '../../sdk/worker/msk-handler.ts';
import { readWorkerConfig } from './config.ts';

const { logLevel, ...settings } = readWorkerConfig();

/** The worker Lambda: behind one event source mapping a step, or one for several. */
export const handler = createMskHandler({
  ...settings,
  handlers: config.jobs,
  logger: createJsonLogger(logLevel),
});
