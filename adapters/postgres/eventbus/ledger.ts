import type { Pool } from 'pg';
import type { DeliveryLedger } from '../../../engine/ports/delivery-ledger.ts';
import { translate } from '../errors.ts';
import { lockStreams } from '../sql/eventbus-catalog.ts';
import {
  holdLogConsumer,
  selectLogConsumer,
  selectLogStreams,
  selectPlaces,
  takeOffered,
  upsertLogConsumer,
  upsertLogStream,
} from '../sql/eventbus-ledger.ts';
import {
  buryLedgerDelivery,
  deleteLedgerDeliveries,
  extendLedgerDelivery,
  postponeLedgerDelivery,
  reviveLedgerDead,
  selectLedgerDead,
  takeLedgerDue,
  undoLedgerDelivery,
} from '../sql/eventbus-ledger-settle.ts';
import { inTransaction } from '../transaction.ts';

/** The ledger in PostgreSQL (migration 0036). */
export function createPostgresLedger(pool: Pool, provider: string): DeliveryLedger {
  return {
    streams: () => translated(selectLogStreams(pool, provider)),
    ensureStream: (stream, make) =>
      translated(
        inTransaction(pool, async (db) => {
          await lockStreams(db);
          await make(await selectLogStreams(db, provider));
          await upsertLogStream(db, provider, stream);
          return { commit: true, value: undefined };
        }),
      ),
    ensureConsumer: (consumer) => translated(upsertLogConsumer(pool, provider, consumer)),
    consumer: (ref) => translated(selectLogConsumer(pool, provider, ref)),
    hold: ({ id }, term) => translated(holdLogConsumer(pool, id, term)),
    places: ({ id }) => translated(selectPlaces(pool, id)),
    take: ({ id }, term, offer) => translated(takeOffered(pool, id, { term, offer })),
    due: ({ id }, term, limit) => translated(takeLedgerDue(pool, id, { term, limit })),
    ack: ({ id }, sequences) => translated(deleteLedgerDeliveries(pool, id, sequences)),
    postpone: (ref, again) => translated(postponeLedgerDelivery(pool, ref, again)),
    extend: (ref) => translated(extendLedgerDelivery(pool, ref)),
    undo: (ref) => translated(undoLedgerDelivery(pool, ref)),
    bury: (ref, reason) => translated(buryLedgerDelivery(pool, ref, reason)),
    dead: ({ id }, limit) => translated(selectLedgerDead(pool, id, limit)),
    revive: ({ id }, sequences) => translated(reviveLedgerDead(pool, id, sequences)),
  };
}

async function translated<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw translate(error);
  }
}
