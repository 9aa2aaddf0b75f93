import type { Caller } from '../auth/authorize.ts';
import type { Access } from '../auth/scopes.ts';
import { type App, compose } from '../compose.ts';

/**
 * The app as the caller may use it: held to his tenant's rows where he belongs to one. Work is the operator's: on Kafka the jobs
 * of all go through the same topics, and a poll for one tenant would walk past what is queued of the others, and tell of it
 * by the time it takes.
 * @throws MillraceError `unauthorized`, `forbidden` or `too_many_requests`
 */
export async function appFor(caller: Caller, scope: Access): Promise<App> {
  const app = compose();
  if (scope === 'public') return app;
  const principal = await app.authorize(caller, scope, scope !== 'work');
  return app.forTenant(principal?.tenant);
}
