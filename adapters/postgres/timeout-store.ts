import type { Pool } from 'pg';
import type { Timeout, TimeoutState, TimeoutStore } from '../../engine/ports/timeout-store.ts';
import * as sql from './sql/timeouts.ts';
import { translating } from './translating.ts';

/** Timeouts in the table of migration 0052. The pool stays the caller's. */
export function createPostgresTimeoutStore(pool: Pool): TimeoutStore {
  const db = translating(pool);
  return {
    create: (timeout) => sql.insertTimeout(db, timeout),
    get: async (ref) => {
      const row = await sql.selectTimeout(db, ref);
      return row && toTimeout(row);
    },
    due: async (workflow, limit) => (await sql.selectDueTimeouts(db, workflow, limit)).map(toTimeout),
    complete: (ref) => sql.endTimeout(db, ref, 'completed'),
    cancel: (ref) => sql.endTimeout(db, ref, 'cancelled'),
    postpone: (ref, milliseconds) => sql.postponeTimeout(db, ref, milliseconds),
    list: async (workflow, page) => (await sql.selectTimeoutPage(db, workflow, page)).map(toTimeout),
    nextDueMs: (workflow) => sql.selectNextTimeout(db, workflow),
    purge: (workflow, options) => sql.deleteEndedTimeouts(db, workflow, options),
  };
}

function toTimeout(row: sql.TimeoutRow): Timeout {
  return {
    workflow: row.workflow,
    id: row.id,
    foreignId: row.foreign_id,
    runId: row.run_id,
    status: row.status,
    state: row.state as TimeoutState,
    expiresAt: row.expires_at,
    createdAt: row.created_at,
    endedAt: row.ended_at,
  };
}
