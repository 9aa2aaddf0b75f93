import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CloudFormationCustomResourceEvent, Context } from 'aws-lambda';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { isMillraceError } from '../../engine/errors.ts';
import { isStepId } from '../../events/ids.ts';
import service from '../../millrace.config.ts';
import { readMigrateConfig } from './config.ts';
import { type Outcome, respond } from './custom-resource.ts';
import { ownerLogin, secretsManager } from './owner-login.ts';
import { runMigrations } from './run.ts';

/** Kept for the answer to CloudFormation. */
const MARGIN_MS = 10_000;

const logger = createJsonLogger();

/**
 * The custom resource that runs at each deploy, before the functions that need the new schema. It never deletes: a stack
 * that is taken down leaves the database as it is, and so does a rollback, for which migrations are forward only.
 */
export async function handler(
  event: CloudFormationCustomResourceEvent,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
): Promise<void> {
  const outcome = event.RequestType === 'Delete' ? NOTHING : await inTime(context.getRemainingTimeInMillis());
  logger.info('the migrations have ended', { request: event.RequestType, ...outcome });
  await respond(event, outcome, { pause: (tries) => delay(500 * tries) });
}

const NOTHING: Outcome = { status: 'SUCCESS', data: { applied: '0' } };

async function inTime(leftMs: number): Promise<Outcome> {
  const over = new AbortController();
  const late = delay<Outcome>(Math.max(0, leftMs - MARGIN_MS), TOO_LATE, { signal: over.signal });
  try {
    return await Promise.race([attempt(), late]);
  } finally {
    over.abort();
    late.catch(() => undefined);
  }
}

const TOO_LATE: Outcome = {
  status: 'FAILED',
  reason:
    'The migrations did not end in the time of the function. The one under way is rolled back; run "millrace migrate up" from ' +
    'a machine that reaches the database, then deploy again.',
};

async function attempt(): Promise<Outcome> {
  try {
    const config = readMigrateConfig();
    const login = await ownerLogin(config, secretsManager);
    const types = Object.keys(service.jobs).filter((name) => isStepId(name));
    const directory = join(import.meta.dirname, 'migrations');
    const { applied } = await runMigrations(login, config, { types, directory });
    return { status: 'SUCCESS', data: { applied: String(applied.length) } };
  } catch (error) {
    if (!isMillraceError(error)) logger.error('the migrations failed for a fault of ours', { error });
    return { status: 'FAILED', reason: error instanceof Error ? error.message : String(error) };
  }
}
