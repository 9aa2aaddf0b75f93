import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSetup } from 'pg-transactional-outbox';
import type { BenchStack } from '../environment.ts';
import type { RunningPeer } from './drain.ts';

export const TRANSACTIONAL_OUTBOX_TOPIC = 'peer.transactional-outbox';

const SETUP = {
  outboxOrInbox: 'outbox',
  database: 'postgres',
  schema: 'public',
  table: 'pgto_outbox',
  listenerRole: 'postgres',
  publication: 'pgto_outbox',
  replicationSlot: 'pgto_outbox',
} as const;

/** A backlog in its own table behind its own slot, made by its own statements. */
export async function fillTransactionalOutbox(
  { pool }: BenchStack,
  shape: { readonly messages: number; readonly perTransaction: number; readonly valueBytes: number },
): Promise<void> {
  await pool.query(DatabaseSetup.dropAndCreateTable(SETUP));
  await pool.query(`drop publication if exists ${SETUP.publication}`);
  await pool.query(
    `create publication ${SETUP.publication} for table ${SETUP.schema}.${SETUP.table} with (publish = 'insert')`,
  );
  await pool.query(DatabaseSetup.setupReplicationSlot(SETUP));
  for (let done = 0; done < shape.messages; done += shape.perTransaction) {
    await pool.query(
      `
      insert into ${SETUP.schema}.${SETUP.table} (id, aggregate_type, aggregate_id, message_type, payload)
      select id, 'bench', id::text, 'noop', jsonb_build_object('v', rpad(id::text, $2::integer, 'x'))
      from (select gen_random_uuid() as id from generate_series(1, $1::integer)) as message
      `,
      [Math.min(shape.perTransaction, shape.messages - done), shape.valueBytes - '{"v": ""}'.length],
    );
  }
}

/** Its replication listener, sending with kafkajs; tuned: without the guards that cost a transaction a message more. */
export async function startTransactionalOutbox(
  stack: BenchStack,
  options: { readonly tuned: boolean },
): Promise<RunningPeer> {
  const settings = {
    dsn: stack.postgres.dsn,
    brokers: stack.kafka.brokers,
    topic: TRANSACTIONAL_OUTBOX_TOPIC,
    table: SETUP.table,
    publication: SETUP.publication,
    slot: SETUP.replicationSlot,
    tuned: options.tuned,
  };
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'transactional-outbox-process.ts'), JSON.stringify(settings)],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
  };
}
