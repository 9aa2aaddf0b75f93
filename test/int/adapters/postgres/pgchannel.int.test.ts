import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPool } from '../../../../adapters/postgres/pool.ts';
import { systemClock } from '../../../../adapters/system/clock.ts';
import type { Clock } from '../../../../engine/ports/clock.ts';
import type { EventBus } from '../../../../engine/ports/event-bus.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import { openPgChannel } from '../../../conformance/event-bus.postgres.ts';
import { createDatabase, type TestDatabase } from '../../../helpers/database.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

let database: TestDatabase;
let streams = 0;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(() => database.drop());

async function newStream(bus: EventBus, maxAgeMs?: number): Promise<string> {
  streams += 1;
  const name = `s${streams}`;
  await bus.ensureStream({ name, subjects: [`${name}.>`], ...(maxAgeMs ? { maxAgeMs } : {}) });
  return name;
}

/** Subscribes until it is disposed of, and acknowledges all it gets. */
async function consuming(bus: EventBus, stream: string, name = 'c') {
  await bus.ensureConsumer({ stream, name });
  const abort = new AbortController();
  const texts: string[] = [];
  const running = bus.subscribe(
    { stream, name },
    async (one) => {
      texts.push(one.payload.toString());
      await one.ack();
    },
    abort.signal,
  );
  return {
    texts,
    [Symbol.asyncDispose]: () => {
      abort.abort();
      return running;
    },
  };
}

async function insertEvent(
  db: { query: (sql: string, values: unknown[]) => Promise<unknown> },
  stream: string,
  text: string,
) {
  await db.query(
    `insert into eventbus_events (stream_name, subject, payload) values ($1::text, $1::text || '.a', convert_to($2::text, 'UTF8'))`,
    [stream, text],
  );
}

it('a message whose transaction commits late is delivered, though later numbers were read before', async () => {
  let looks = 0;
  const clock: Clock = {
    ...systemClock,
    sleep: (milliseconds, signal) => {
      looks += 1;
      return systemClock.sleep(milliseconds, signal);
    },
  };
  await using bus = openPgChannel(database.dsn, { pollMs: 50, clock });
  const stream = await newStream(bus);
  await using consumer = await consuming(bus, stream);
  await bus.publish([{ subject: `${stream}.a`, payload: Buffer.from('first') }]);
  await waitFor(() => consumer.texts.length === 1, { within: 10_000, what: 'the consumer to be at work' });
  const late = await database.pool().connect();
  try {
    await late.query('begin');
    await insertEvent(late, stream, 'late');
    await bus.publish([{ subject: `${stream}.a`, payload: Buffer.from('early') }]);
    await insertEvent(database.pool(), stream, 'own transaction');
    const before = looks;
    await waitFor(() => looks > before + 5, {
      within: 10_000,
      what: 'the consumer to have looked a few times',
    });
    await late.query('commit');
  } finally {
    late.release();
  }
  await waitFor(() => consumer.texts.length >= 4, { within: 10_000, what: 'all four' });
  expect(consumer.texts.sort()).toEqual(['early', 'first', 'late', 'own transaction']);
});

it('a message that was rolled back is not delivered, and holds up nothing', async () => {
  await using bus = openPgChannel(database.dsn, { pollMs: 50 });
  const stream = await newStream(bus);
  await using consumer = await consuming(bus, stream);
  const client = await database.pool().connect();
  await client.query('begin');
  await insertEvent(client, stream, 'undone');
  await client.query('rollback');
  client.release();
  await bus.publish([{ subject: `${stream}.a`, payload: Buffer.from('kept') }]);
  await waitFor(() => consumer.texts.length > 0, { within: 10_000, what: 'the message' });
  expect(consumer.texts).toEqual(['kept']);
});

it('4 consumers get 3,000 messages each of 16 publishers, every one once', async () => {
  await using publisher = openPgChannel(database.dsn);
  await using bus = openPgChannel(database.dsn);
  const stream = await newStream(bus);
  await using cleanup = new AsyncDisposableStack();
  const consumers: Awaited<ReturnType<typeof consuming>>[] = [];
  for (const name of ['a', 'b', 'c', 'd']) consumers.push(cleanup.use(await consuming(bus, stream, name)));
  const expected = Array.from({ length: 3_000 }, (_, index) => String(index));
  const left = [...expected];
  const publish = async () => {
    for (let text = left.pop(); text !== undefined; text = left.pop()) {
      await publisher.publish([{ subject: `${stream}.a`, payload: Buffer.from(text) }]);
    }
  };
  await Promise.all(Array.from({ length: 16 }, publish));
  await waitFor(() => consumers.every(({ texts }) => texts.length >= 3_000), {
    within: 50_000,
    what: '12,000 messages',
  });
  for (const { texts } of consumers) {
    expect(texts.length).toBe(3_000);
    expect(new Set(texts)).toEqual(new Set(expected));
  }
  await waitFor(
    async () => {
      const { rowCount } = await database
        .pool()
        .query('select from eventbus_event_deliveries where stream_name = $1::text', [stream]);
      return rowCount === 0;
    },
    { within: 10_000, what: 'every delivery to be settled' },
  );
});

it('when the holder of a consumer loses its connection, another goes on and nothing is lost', async () => {
  await using one = openPgChannel(database.dsn);
  await using other = openPgChannel(database.dsn);
  const stream = await newStream(one);
  await using first = await consuming(one, stream);
  await using second = await consuming(other, stream);
  const all = () => new Set([...first.texts, ...second.texts]);
  const subject = `${stream}.a`;
  for (let round = 0; round < 5; round += 1) {
    await one.publish([0, 1, 2].map((index) => ({ subject, payload: Buffer.from(`${round}.${index}`) })));
    await waitFor(() => all().size >= round * 3 + 3, { within: 15_000, what: `round ${round}` });
    await database.pool().query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = left($1, 63) and datname = current_database()`,
      [`millrace role eventbus ${stream} c`],
    );
  }
  expect(all().size).toBe(15);
});

it('members that hear no notification find messages by looking', async () => {
  await using bus = openPgChannel(database.dsn, {
    pollMs: 50,
    wakeups: {
      listen: () => ({
        sleep: (_, signal) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => resolve());
          }),
      }),
    },
  });
  const stream = await newStream(bus);
  await using consumer = await consuming(bus, stream);
  await insertEvent(database.pool(), stream, 'found');
  await waitFor(() => consumer.texts.length === 1, { within: 10_000, what: 'the message' });
});

it('messages older than the age of their stream are deleted, with what was not settled of them', async () => {
  const pool = createPool({ dsn: database.dsn, poolSize: 2 }, silentLogger);
  await using bus = openPgChannel(database.dsn, { expireMs: 50 });
  const [aged, kept] = [await newStream(bus, 1), await newStream(bus)];
  for (const stream of [aged, kept]) {
    await bus.publish([{ subject: `${stream}.a`, payload: Buffer.from('x') }]);
  }
  await pool.query(
    `insert into eventbus_consumers (stream_name, name, filter_subject, filter_regex, ack_wait_ms, max_deliver, max_pending)
     values ($1::text, 'c', '>', '.+', 1, 1, 1)`,
    [aged],
  );
  await pool.query(
    `insert into eventbus_event_deliveries (stream_name, consumer_name, event_id, delivery_count, due_at)
     select stream_name, 'c', id, 1, clock_timestamp() from eventbus_events where stream_name = $1::text`,
    [aged],
  );
  const left = async (table: 'eventbus_events' | 'eventbus_event_deliveries', stream: string) =>
    (await pool.query(`select from ${table} where stream_name = $1::text`, [stream])).rowCount;
  await waitFor(async () => (await left('eventbus_events', aged)) === 0, {
    within: 10_000,
    what: 'the deletion',
  });
  expect(await left('eventbus_event_deliveries', aged)).toBe(0);
  expect(await left('eventbus_events', kept)).toBe(1);
  await pool.end();
});

it('after a restore into another cluster a consumer refuses to begin, and then goes on where it was', async () => {
  await using own = await createDatabase();
  await using bus = openPgChannel(own.dsn);
  const stream = await newStream(bus);
  const subject = `${stream}.a`;
  await bus.publish([{ subject, payload: Buffer.from('before') }]);
  {
    await using first = await consuming(bus, stream);
    await waitFor(() => first.texts.length === 1, { within: 10_000, what: 'the message' });
  }
  await bus.publish([{ subject, payload: Buffer.from('during') }]);
  const ahead = `(xid::text::bigint + 1000000)::text::xid8`;
  await own.pool().query(`update eventbus_events set xid = ${ahead}`);
  await own.pool().query(`update eventbus_consumers set place_xid = ${ahead.replace('xid', 'place_xid')}`);

  const refused = bus.subscribe({ stream, name: 'c' }, (one) => one.ack(), AbortSignal.timeout(10_000));
  await expect(refused).rejects.toThrow(/eventbus_after_restore/);

  await own.pool().query('select eventbus_after_restore()');
  await bus.publish([{ subject, payload: Buffer.from('after') }]);
  await using second = await consuming(bus, stream);
  await waitFor(() => second.texts.length >= 2, { within: 10_000, what: 'what had not been delivered' });
  expect(second.texts.sort()).toEqual(['after', 'during']);
});
