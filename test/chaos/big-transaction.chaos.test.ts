import { expect, test } from 'vitest';
import { createDatabase } from '../helpers/database.ts';
import { describeKafka, kafkaBrokers } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';
import { soakProgress, soakResult } from '../soak/report.ts';
import { CliRelay, chaosTopic, cliRelayEnv } from './cli-relay.ts';
import { checkHistory, Written } from './history.ts';
import { countTopic, createTopic, readTopicFromStart } from './topic-history.ts';

failOnLeftoverProcesses();

/** A million in the long run. */
const ROWS = Number(process.env['WE_CHAOS_BIG_ROWS'] ?? 40_000);
/** 1,024 in the long run; in rows of half a mebibyte. */
const MEBIBYTES = Number(process.env['WE_CHAOS_BIG_MEBIBYTES'] ?? 48);
const KEYS = 10;
const PEAK_MEBIBYTES = 512;

const sizes = [
  { what: `${ROWS} rows`, rows: ROWS, bytes: 100 },
  { what: `${MEBIBYTES} MiB`, rows: MEBIBYTES * 2, bytes: 512 * 1024 },
];

describeKafka('one transaction', () => {
  test.each(sizes)(
    'of $what, its relay killed half way, comes whole, in order and within its memory',
    {
      timeout: 120_000 + ROWS / 2 + MEBIBYTES * 500,
    },
    async ({ rows, bytes }) => {
      await using fixture = RelayFixture.on(await createDatabase());
      const [brokers, topic] = [kafkaBrokers(), chaosTopic()];
      await createTopic(brokers, topic);
      const env = cliRelayEnv(fixture.db.dsn, brokers, { WE_RELAY_SLOT: fixture.slot });
      await using first = await CliRelay.start({ env });
      const began = performance.now();
      const written = await commitAtOnce(fixture, { topic, rows, bytes });
      soakProgress(`${rows} rows of ${bytes} B are committed`);
      await waitFor(async () => (await countTopic(brokers, topic)) >= rows / 2, {
        within: 60_000 + rows / 4 + MEBIBYTES * 200,
        what: 'half of the transaction to be published',
      });
      const peak = await first.peakMebibytes();
      soakProgress('half of it is published: kill -9');
      await first.end('SIGKILL');
      await using second = await CliRelay.start({ env });
      await waitFor(async () => (await fixture.outboxRows()) === 0, {
        within: 60_000 + rows / 4 + MEBIBYTES * 300,
        what: 'an empty outbox',
      });
      const peaks = [peak, await second.peakMebibytes()];
      const records = await readTopicFromStart(brokers, topic);
      checkHistory(written, records, { duplicates: rows, left: await fixture.outboxRows() });
      expect(Math.max(...peaks)).toBeLessThan(PEAK_MEBIBYTES);
      const repeated = records.length - rows;
      const seconds = Math.round((performance.now() - began) / 1_000);
      const found = `${rows} rows of ${bytes} B: 0 lost, ${repeated} repeated, peaks ${peaks.map(Math.round).join(', ')} MiB, ${seconds} s`;
      console.info(found);
      soakResult(found);
    },
  );
});

/** The server builds the packs (events/pack.ts); what pads a value is blank, and left out when it is read. */
async function commitAtOnce(
  fixture: RelayFixture,
  { topic, rows, bytes }: { topic: string; rows: number; bytes: number },
): Promise<Written> {
  await fixture.pool.query(
    `
    insert into dispatch_outbox (topic, message_count, messages)
    select $1::text, 1, uuid_send(gen_random_uuid())
      || int4send(length(key)) || convert_to(key, 'utf8')
      || int4send($3::integer) || convert_to(rpad(key || '#' || n, $3::integer), 'utf8')
      || int2send(0::smallint)
    from (select n, 'big.' || n % $4::integer as key from generate_series(1, $2::integer) as n) as numbered
    order by n
    `,
    [topic, rows, bytes, KEYS],
  );
  const written = new Written();
  for (let n = 1; n <= rows; n += 1) written.committed.add(`big.${n % KEYS}#${n}`);
  return written;
}
