import { readEventBus } from '../../adapters/event-bus-config.ts';
import { type OpenBus, openEventBus } from '../../adapters/open-event-bus.ts';
import { openRecordStore } from '../../adapters/open-record-store.ts';
import { openRoleScheduler, readRoleScheduler } from '../../adapters/open-role-scheduler.ts';
import { openTimeoutStore, readTimeoutStore } from '../../adapters/open-timeout-store.ts';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { readRecordStore } from '../../adapters/record-store-config.ts';
import { systemClock as clock } from '../../adapters/system/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { RecordParts } from '../../engine/records/record-parts.ts';

export interface OpenRecordParts extends AsyncDisposable {
  readonly parts: RecordParts;
}

/** What the settings name: the store and the bus always, the roles, and the timeouts where there are any. */
export async function openRecordParts(
  logger: Logger,
  needs: { readonly timeouts: boolean },
): Promise<OpenRecordParts> {
  const deps = { env: process.env, clock, logger };
  await using opening = new AsyncDisposableStack();
  const bus = await openRecordBus(logger);
  opening.defer(() => bus.close());
  const records = await openRecordStore(readRecordStore(process.env), deps);
  opening.defer(() => records.close());
  const scheduler = readRoleScheduler(process.env);
  const roles = scheduler === 'record_store' ? undefined : await openRoleScheduler(scheduler, deps);
  if (roles) opening.defer(() => roles.close());
  const timeouts = needs.timeouts ? await openTimeoutStore(readTimeoutStore(process.env), deps) : undefined;
  if (timeouts) opening.defer(() => timeouts.close());
  const all = opening.move();
  return {
    parts: {
      records: records.store,
      bus: bus.bus,
      roles: roles?.roles ?? records.roles,
      timeouts: timeouts?.timeouts,
      clock,
      logger,
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** pgchannel unless `WE_EVENT_BUS` is set: records alone need nothing besides PostgreSQL. */
async function openRecordBus(logger: Logger): Promise<OpenBus> {
  const name = readEventBus(process.env, 'pgchannel');
  const postgres = () => readPostgresConfig(process.env, { poolSize: 4 });
  if (name !== 'kafka') {
    return openEventBus(name, { env: process.env, clock, logger, postgres, process: 'records' });
  }
  const { readKafkaConfig } = await import('../../adapters/kafka/config.ts');
  const { KafkaMessageLog } = await import('../../adapters/kafka/message-log.ts');
  const { openLogBus } = await import('../../adapters/open-log-bus.ts');
  const log = new KafkaMessageLog({ config: readKafkaConfig(process.env), clock });
  return openLogBus(log, postgres(), { clock, logger });
}
