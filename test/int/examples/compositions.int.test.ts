import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { kafkaUsers } from '../../../cli/dev/backends/kafka-properties.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import type { Composition } from '../../../examples/compositions/composition.ts';
import { development } from '../../../examples/compositions/development.ts';
import { ORDERS, payOrder, placeOrder } from '../../../examples/compositions/orders.ts';
import { production } from '../../../examples/compositions/production.ts';
import { runOrders } from '../../../examples/compositions/run-orders.ts';
import { staging } from '../../../examples/compositions/staging.ts';
import { createDatabase } from '../../helpers/database.ts';
import {
  describeKafka,
  describeSecuredKafka,
  grant,
  kafkaBrokers,
  kafkaCaPath,
  securedBrokers,
} from '../../helpers/kafka.ts';
import { ROOT } from '../../helpers/snippets.ts';
import { waitFor } from '../../helpers/wait-for.ts';

const within = 40_000;
const PAY_SOON = 500;
const PAY_SOMETIME = 3_600_000;

/** A paid order, one that nobody pays, and one whose carrier never answers. */
async function trade(composition: Composition): Promise<void> {
  // Production waits a minute after an error, and development pauses at the first.
  const options = { ...composition.options, errBackOff: 50, pauseAfterErrCount: 3 };
  const parts = { ...composition, options };
  const tried: string[] = [];
  const ship = async ({ number }: { readonly number: string }): Promise<void> => {
    tried.push(number);
    if (number === 'stuck') throw new Error('the carrier does not answer');
  };
  const stop = new AbortController();
  const running = runOrders(parts, ship, stop.signal);
  try {
    await placeOrder(parts, { number: 'paid', cents: 100, payWithin: PAY_SOMETIME });
    await placeOrder(parts, { number: 'stuck', cents: 100, payWithin: PAY_SOMETIME });
    await placeOrder(parts, { number: 'unpaid', cents: 100, payWithin: PAY_SOON });
    await expect(placeOrder(parts, { number: 'paid', cents: 1, payWithin: 1 })).rejects.toThrow('under way');
    expect(await payOrder(parts, 'paid')).toBe(true);
    expect(await payOrder(parts, 'stuck')).toBe(true);

    const ended = () => parts.records.list({ workflowName: ORDERS, runStates: ENDED, limit: 10 });
    await waitFor(async () => (await ended()).records.length === 3, { within, what: 'every order to end' });
    const ends = (await ended()).records.map(({ foreignId, runState, reason }) => [
      foreignId,
      reason === undefined ? runState : `${runState}: ${reason}`,
    ]);
    expect(Object.fromEntries(ends)).toEqual({
      paid: 'completed',
      stuck: 'paused: the carrier does not answer',
      unpaid: 'cancelled: it was not paid in time',
    });
    // More often where a delivery was repeated, which the bus may do.
    expect(tried.filter((number) => number === 'stuck').length).toBeGreaterThanOrEqual(3);
    expect(tried).toContain('paid');
    expect(tried).not.toContain('unpaid');
    expect(await payOrder(parts, 'unpaid')).toBe(false);
    await waitFor(async () => (await parts.records.listOutboxEvents({ limit: 1 })).length === 0, {
      within,
      what: 'the outbox to be empty',
    });
  } finally {
    stop.abort();
    await running;
    await parts.close();
  }
}

const ENDED = ['completed', 'paused', 'cancelled'] as const;

describe('development', () => {
  test('ships what is paid, gives up what is not, and pauses what fails', () => trade(development()));

  test('runs as a program of its own', async () => {
    const main = join(ROOT, 'examples/compositions/main.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [main, 'development'], {
      timeout: 60_000,
    });
    expect(stdout).toMatch(/-1 goes to the carrier\n/);
    expect(stdout).toMatch(/-1 is completed\n/);
    expect(stdout).toMatch(/-2 is cancelled: it was not paid in time\n/);
  });
});

test('production sends no orders in plain text', () => {
  const env = {
    WE_POSTGRES_DSN: 'postgres://127.0.0.1/shop',
    WE_KAFKA_TRANSPORT: 'plaintext',
    WE_KAFKA_SEED_BROKERS: 'kafka:9092',
  };
  expect(() => production(env)).toThrow('sasl_scram_tls or msk_iam');
});

describeKafka('staging', () => {
  test('ships what is paid, gives up what is not, and pauses what fails', async () => {
    await using database = await createDatabase();
    const env = {
      WE_POSTGRES_DSN: database.dsn,
      WE_KAFKA_TRANSPORT: 'plaintext',
      WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(','),
    };
    await trade(staging(env, silentLogger));
  });
});

describeSecuredKafka('production', () => {
  test('ships what is paid, gives up what is not, and pauses what fails', async () => {
    await using database = await createDatabase();
    const { username, password } = kafkaUsers.worker;
    const operations = ['CREATE', 'DESCRIBE', 'ALTER_CONFIGS', 'WRITE', 'READ'] as const;
    const name = 'millrace.bus.workflow_records';
    await grant({ user: username, resource: 'topic', name, operations });
    const env = {
      WE_POSTGRES_DSN: database.dsn,
      WE_KAFKA_TRANSPORT: 'sasl_scram_tls',
      WE_KAFKA_SEED_BROKERS: securedBrokers().join(','),
      WE_KAFKA_SASL_USERNAME: username,
      WE_KAFKA_SASL_PASSWORD: password,
      WE_KAFKA_TLS_CA_PATH: kafkaCaPath(),
    };
    await trade(production(env, silentLogger));
  });
});
