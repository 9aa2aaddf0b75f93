import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CloudFormationCustomResourceEvent, Context } from 'aws-lambda';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { isMillraceError } from '../../engine/errors.ts';
import { readMigrateConfig } from './config.ts';
import { type Outcome, respond } from './custom-resource.ts';
import { isKeyRequest, type KeyRequest, type NewKey } from './key-request.ts';
import { ownerLogin, secretsManager } from './owner-login.ts';

/** Kept for the answer to CloudFormation. */
const MARGIN_MS = 10_000;

const logger = createJsonLogger();

/**
 * The custom resource that runs at each deploy, before the functions that need the new schema. It never deletes: a stack
 * that is taken down leaves the database as it is, and so does a rollback, for which migrations are forward only.
 */
export async function handler(
  event: CloudFormationCustomResourceEvent | KeyRequest,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
): Promise<NewKey | undefined> {
  if (isKeyRequest(event)) return newKey(event);
  const outcome = event.RequestType === 'Delete' ? NOTHING : await inTime(context.getRemainingTimeInMillis());
  logger.info('the migrations have ended', { request: event.RequestType, ...outcome });
  await respond(event, outcome, { pause: (tries) => delay(500 * tries) });
  return undefined;
}

async function newKey(request: KeyRequest): Promise<NewKey> {
  const { createKey } = await import('./new-key.ts');
  return createKey(request, await ownerLogin(readMigrateConfig(), secretsManager));
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
    // Read when there is something to migrate: a deploy that takes the stack down, or asks for a key, needs none of it.
    const { migrateService } = await import('./run-service.ts');
    const config = readMigrateConfig();
    const login = await ownerLogin(config, secretsManager);
    const { applied } = await migrateService(login, config, join(import.meta.dirname, 'migrations'));
    return { status: 'SUCCESS', data: { applied: String(applied.length) } };
  } catch (error) {
    if (!isMillraceError(error)) logger.error('the migrations failed for a fault of ours', { error });
    return { status: 'FAILED', reason: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  const isUnreached =
    isMillraceError(error) && (error.code === 'database_unreachable' || error.code === 'unavailable');
  return isUnreached ? `${said} ${PARAMETERS}` : said;
}

/** The error names the settings of a process; who deploys has given parameters. */
const PARAMETERS =
  'Check databaseHost, databaseName and databaseSecretArn of the deploy, and that the security group of the database lets the functions in.';
