import type { Pool } from 'pg';
import type { DeliveryLedger } from '../../../engine/ports/delivery-ledger.ts';
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
  countLedgerOpen,
  deleteLedgerDeliveries,
  extendLedgerDelivery,
  postponeLedgerDelivery,
  reviveLedgerDead,
  selectLedgerDead,
  takeLedgerDue,
  undoLedgerDelivery,
} from '../sql/eventbus-ledger-settle.ts';
import { statementsOf } from '../statements.ts';
import { inTransaction } from '../transaction.ts';
import { translating } from '../translating.ts';

/** The ledger in PostgreSQL (migration 0036). */
export function createPostgresLedger(pool: Pool, provider: string, prepare = true): DeliveryLedger {
  const db = translating(statementsOf(pool, prepare));
  return {
    streams: () => selectLogStreams(db, provider),
    ensureStream: (stream, make) =>
      inTransaction({ pool }, async (client) => {
        await lockStreams(client);
        await make(await selectLogStreams(client, provider));
        await upsertLogStream(client, provider, stream);
        return { commit: true, value: undefined };
      }),
    ensureConsumer: (consumer) => upsertLogConsumer(db, provider, consumer),
    consumer: (ref) => selectLogConsumer(db, provider, ref),
    hold: ({ id }, term) => holdLogConsumer(db, id, term),
    places: ({ id }) => selectPlaces(db, id),
    take: ({ id }, term, offer) => takeOffered(db, id, { term, offer }),
    due: ({ id }, term, limit) => takeLedgerDue(db, id, { term, limit }),
    ack: ({ id }, sequences) => deleteLedgerDeliveries(db, id, sequences),
    postpone: (ref, again) => postponeLedgerDelivery(db, ref, again),
    extend: (ref) => extendLedgerDelivery(db, ref),
    undo: (ref) => undoLedgerDelivery(db, ref),
    bury: (ref, reason) => buryLedgerDelivery(db, ref, reason),
    countOpen: ({ id }) => countLedgerOpen(db, id),
    dead: ({ id }, limit) => selectLedgerDead(db, id, limit),
    revive: ({ id }, sequences) => reviveLedgerDead(db, id, sequences),
  };
}
