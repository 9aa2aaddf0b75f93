import type { PostgresConfig } from '../../adapters/postgres/config.ts';
import { migrationStatus } from '../../adapters/postgres/migrate.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import type { Database } from '../../adapters/postgres/sql/database.ts';
import * as inspect from '../../adapters/postgres/sql/inspect.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { judgePrimarySide, judgeStandby } from './failover.ts';
import { type Finding, failure, ok, psql, shell, warning } from './finding.ts';
import { judgeReplication, judgeServer } from './server.ts';
import { judgePublication, judgeSlot, type Stream } from './stream.ts';

export interface DatabaseContext {
  readonly postgres: PostgresConfig;
  readonly mode: 'polling' | 'kafka_outbox';
  readonly streams: readonly Stream[];
}

/** What can be asked once the database answers. @returns the job types it knows, too */
export async function checkDatabase(
  context: DatabaseContext,
): Promise<{ findings: Finding[]; types: string[] }> {
  const pool = createPool(context.postgres, silentLogger);
  try {
    const facts = await inspect.selectServer(pool);
    if (!facts) return { findings: [failure('server', 'PostgreSQL tells nothing of the role.')], types: [] };
    const withRelay = context.mode === 'kafka_outbox';
    const findings = [
      ...judgeServer(facts, { hostMs: Date.now() }),
      ...(withRelay ? [...judgeReplication(facts), ...judgePrimarySide(facts)] : []),
    ];
    const pending = await checkMigrations(context.postgres.dsn);
    findings.push(pending);
    if (pending.state === 'failure') return { findings, types: [] };
    findings.push(...(await checkSettings(pool, context.mode)));
    for (const stream of context.streams) {
      findings.push(
        ...(withRelay ? await checkStream(pool, stream, facts.version) : await checkLeftover(pool, stream)),
      );
    }
    return { findings, types: await inspect.selectJobTypes(pool) };
  } finally {
    await pool.end();
  }
}

async function checkMigrations(dsn: string): Promise<Finding> {
  const check = 'migrations';
  const { applied, pending } = await migrationStatus({ dsn });
  if (pending.length === 0) return ok(check, `All ${applied.length} migrations are applied.`);
  const list = pending.join(', ');
  return failure(check, `Not applied: ${list}.`, shell('npx millrace migrate up'));
}

async function checkSettings(db: Database, mode: DatabaseContext['mode']): Promise<Finding[]> {
  const settings = await inspect.selectSettings(db);
  if (!settings) return [];
  const findings: Finding[] = [];
  if (settings.dispatch_mode !== mode) {
    findings.push(
      warning(
        'dispatch_mode',
        `millrace.enqueue() goes by ${settings.dispatch_mode}, and WE_DISPATCH_MODE here is ${mode}.`,
        shell(`WE_DISPATCH_MODE=${mode} npx millrace migrate up`),
      ),
    );
  }
  if (settings.wal_pressure !== 'calm') {
    const says = `The write-ahead log waits for the relay (${settings.wal_pressure}).`;
    findings.push(warning('wal_budget', says, shell('npx millrace relay')));
  }
  return findings;
}

async function checkStream(db: Database, stream: Stream, version: number): Promise<Finding[]> {
  const publication = await inspect.selectPublication(db, stream.publication);
  const slot = await inspect.selectSlot(db, stream.slot);
  const hasLed = await inspect.selectHasLed(db, stream.slot);
  return [
    judgePublication(stream, publication),
    ...judgeSlot(stream, slot, { knowsFailover: version >= 170_000, hasLed }),
  ];
}

/** A slot that a relay left behind keeps the log for ever. */
async function checkLeftover(db: Database, { slot }: Stream): Promise<Finding[]> {
  const facts = await inspect.selectSlot(db, slot);
  if (!facts?.is_ours || facts.active) return [];
  const drop = psql(`select pg_drop_replication_slot('${slot}')`);
  return [
    warning(`slot ${slot}`, 'A relay has left a slot behind, for which the server keeps its log.', drop),
  ];
}

export async function checkStandby(name: string, postgres: PostgresConfig): Promise<Finding[]> {
  const pool = createPool(postgres, silentLogger);
  try {
    const facts = await inspect.selectStandby(pool);
    return facts ? judgeStandby(name, facts) : [];
  } finally {
    await pool.end();
  }
}
