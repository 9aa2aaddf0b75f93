import { type Environment, readChoice } from '../../adapters/env.ts';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { redact } from '../../adapters/postgres/errors.ts';
import { dispatchModes } from '../../engine/deps.ts';
import { isMillraceError } from '../../engine/errors.ts';
import { isStepId, type StepId } from '../../events/ids.ts';
import { jobTopic } from '../../events/topics.ts';
import { readRelayConfig } from '../../relay-cdc/config.ts';
import { ReplicationConnection } from '../../relay-cdc/replication-connection.ts';
import { checkConnection } from './connection.ts';
import { checkDatabase, checkStandby } from './database.ts';
import { type Finding, failure, ok, shell } from './finding.ts';

export interface Examination {
  /** Of standbys, to be looked at as well. */
  readonly standbys: readonly string[];
  /** Steps of millrace.config.ts, beside those that the database knows. */
  readonly steps: readonly StepId[];
}

/** Everything Millrace stands on, in the order in which one rests on the other. Changes nothing. */
export async function examine(env: Environment, { standbys, steps }: Examination): Promise<Finding[]> {
  const findings: Finding[] = [];
  const look = async (check: string, work: () => Promise<Finding[]>): Promise<boolean> => {
    const found = await work().catch((error: unknown) => [unchecked(check, error)]);
    findings.push(...found);
    return found.every(({ state }) => state !== 'failure');
  };
  const mode = readChoice(env, 'WE_DISPATCH_MODE', dispatchModes, 'polling');
  const withRelay = mode === 'kafka_outbox';
  const known = new Set<string>(steps);
  const reachable = await look('connection', async () =>
    checkConnection(readPostgresConfig(env, { poolSize: 1 }).dsn, withRelay),
  );
  if (reachable) {
    await look('database', async () => {
      const postgres = readPostgresConfig(env, { poolSize: 1 });
      const { findings: found, types } = await checkDatabase({ postgres, mode, relay: readRelayConfig(env) });
      for (const type of types) known.add(type);
      return found;
    });
    if (withRelay) await look('replication', () => checkReplication(readRelayConfig(env).postgres.dsn));
  }
  for (const dsn of standbys) {
    const name = redact(dsn);
    await look(`standby ${name}`, () =>
      checkStandby(name, { ...readPostgresConfig(env, { poolSize: 1 }), dsn }),
    );
  }
  if (withRelay) {
    await look('kafka', async () => {
      const { batchBytes } = readRelayConfig(env).limits;
      const topics = [...known].filter(isStepId).map(jobTopic).sort();
      // Loaded only where there is a broker.
      const { checkBroker } = await import('./broker.ts');
      return checkBroker({ env, topics, batchBytes });
    });
  }
  return findings;
}

/** As the relay connects: some of what refuses it is seen in no catalogue. */
async function checkReplication(dsn: string): Promise<Finding[]> {
  const connection = await ReplicationConnection.open({ dsn }, 'millrace doctor');
  await connection.close();
  return [ok('replication', 'PostgreSQL takes a replication connection of this role.')];
}

/** The message names cause and remedy already; where there is a command all the same, it is given. */
function unchecked(check: string, error: unknown): Finding {
  const says = error instanceof Error ? error.message : String(error);
  const variable = isMillraceError(error) ? error.detail['variable'] : undefined;
  if (typeof variable === 'string') return failure(check, says, shell(`export ${variable}=…`));
  const parameter = /unsupported startup parameter: (\w+)/.exec(says)?.[1];
  if (parameter === undefined) return failure(check, says);
  const line = `ignore_startup_parameters = extra_float_digits, ${parameter}`;
  const how = 'at the end of the section [pgbouncer]; then, in its console: RELOAD';
  return failure(check, `PgBouncer refuses the API: ${says}.`, shell(`echo '${line}' >> pgbouncer.ini`, how));
}
