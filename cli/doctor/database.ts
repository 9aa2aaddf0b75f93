import type { PostgresConfig } from '../../adapters/postgres/config.ts';
import { migrationStatus } from '../../adapters/postgres/migrate.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import type { Database } from '../../adapters/postgres/sql/database.ts';
import * as inspect from '../../adapters/postgres/sql/inspect.ts';
import { type OutboxForm, readOutboxForm } from '../../adapters/postgres/sql/outbox-form.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import type { RelayConfig } from '../../relay-cdc/config.ts';
import { isShardName } from '../../relay-cdc/shards.ts';
import { judgePrimarySide, judgeStandby } from './failover.ts';
import { type Finding, failure, ok, shell, warning } from './finding.ts';
import { judgeReplication, judgeServer } from './server.ts';
import { judgeLeftover, judgeSharding, streamsOf } from './shards.ts';
import { judgePublication, judgeSlot, type Stream } from './stream.ts';

export interface DatabaseContext {
  readonly postgres: PostgresConfig;
  readonly mode: 'polling' | 'kafka_outbox';
  readonly relay: RelayConfig;
}

/** What can be asked once the database answers. @returns the job types it knows, too */
export async function checkDatabase(
  context: DatabaseContext,
): Promise<{ findings: Finding[]; types: string[] }> {
  const pool = createPool(context.postgres, silentLogger);
  try {
    const facts = await inspect.selectServer(pool);
    if (!facts) return { findings: [failure('server', 'PostgreSQL tells nothing of the role.')], types: [] };
    const findings = judgeServer(facts, { hostMs: Date.now() });
    const pending = await checkMigrations(context.postgres.dsn);
    const settings = pending.state === 'ok' ? await inspect.selectSettings(pool) : undefined;
    const streams = streamsOf(context.relay, settings?.relay_shards ?? context.relay.shard.of);
    if (context.mode === 'kafka_outbox') {
      const slots = await Promise.all(streams.map(({ slot }) => inspect.selectSlot(pool, slot)));
      findings.push(...judgeReplication(facts, slots), ...judgePrimarySide(facts));
    }
    findings.push(pending);
    if (!settings) return { findings, types: [] };
    findings.push(...judgeSettings(settings, context.mode));
    if (context.mode === 'kafka_outbox') {
      findings.push(judgeOutbox(await readOutboxForm(pool), context.relay.outbox));
    }
    findings.push(...(await checkStreams(pool, context, { streams, settings, version: facts.version })));
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

function judgeOutbox(form: OutboxForm, wanted: OutboxForm | undefined): Finding {
  const check = 'outbox';
  const says = {
    table: 'Dispatches are rows of dispatch_outbox until they are published.',
    message: 'Dispatches are messages in the write-ahead log alone; dispatch_outbox stays empty.',
  };
  if (wanted === undefined || wanted === form) return ok(check, says[form]);
  return warning(
    check,
    `${says[form]} WE_OUTBOX here is ${wanted}: a relay with it changes that.`,
    shell(`WE_OUTBOX=${wanted} npx millrace relay`, 'nothing is lost, and nothing has to be drained'),
  );
}

function judgeSettings(settings: inspect.SettingsFacts, mode: DatabaseContext['mode']): Finding[] {
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

interface Streams {
  readonly streams: readonly Stream[];
  readonly settings: inspect.SettingsFacts;
  readonly version: number;
}

/** Those at work with a relay, then the slots that nothing reads any more. */
async function checkStreams(
  db: Database,
  { mode, relay }: DatabaseContext,
  { streams, settings, version }: Streams,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const atWork = new Set<string>();
  if (mode === 'kafka_outbox') {
    findings.push(...judgeSharding(relay.shard.of, settings));
    for (const stream of streams) {
      findings.push(...(await checkStream(db, stream, version)));
      atWork.add(stream.slot);
    }
  }
  const names = (await inspect.selectSlotNames(db)).filter((name) => isShardName(name, relay.slot));
  for (const name of names.filter((one) => !atWork.has(one))) {
    findings.push(...judgeLeftover(name, await inspect.selectSlot(db, name)));
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

export async function checkStandby(name: string, postgres: PostgresConfig): Promise<Finding[]> {
  const pool = createPool(postgres, silentLogger);
  try {
    const facts = await inspect.selectStandby(pool);
    return facts ? judgeStandby(name, facts) : [];
  } finally {
    await pool.end();
  }
}
