import { enqueue, type Transaction } from '../../sdk/index.ts';

/** Anything that speaks SQL within one transaction: a client of `pg`, or an adapter around Kysely, Drizzle, Prisma or Knex. */
export type Client = Transaction;

export interface Order {
  readonly id: number;
  readonly customer: string;
  readonly cents: number;
}

/**
 * The order and its charge in one transaction: there is no order that nobody charges, and no charge without its order.
 * Jobs of one customer are dispatched in the order of their commits.
 */
export async function placeOrder(client: Client, { id, customer, cents }: Order): Promise<string> {
  await client.query('begin', []);
  try {
    await client.query('insert into orders (id, customer, cents) values ($1, $2, $3)', [id, customer, cents]);
    const job = await enqueue(client, {
      type: 'charge',
      payload: { order: id, cents },
      idempotencyKey: `charge-${id}`,
      partitionKey: customer,
    });
    await client.query('commit', []);
    return job;
  } catch (error) {
    await client.query('rollback', []);
    throw error;
  }
}
