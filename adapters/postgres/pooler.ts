import { Client } from 'pg';

export type Pooling = 'none' | 'session' | 'transaction';

/**
 * Who is between this process and the server. A server tells each connection which of its processes serves it, and a pooler
 * can only make that number up; it is compared with what the process says of itself. In transaction mode the process also
 * changes: while another client is inside a transaction on the one that served us, the next statement runs elsewhere.
 */
export async function findPooling(dsn: string): Promise<Pooling> {
  await using first = await connect(dsn);
  const before = await first.servedBy();
  if (before === first.announced) return 'none';
  await using second = await connect(dsn);
  // Whichever order a pool gives its sessions out in, one of these rounds shows that ours is not ours alone.
  for (let round = 0; round < ROUNDS; round += 1) {
    await second.query('begin');
    const other = await second.servedBy();
    const during = await first.servedBy();
    await second.query('commit');
    const after = await first.servedBy();
    if (other === before || during !== before || after !== before) return 'transaction';
  }
  return 'session';
}

const ROUNDS = 5;

async function connect(dsn: string) {
  const client: Client & { readonly processID?: number | null } = new Client({
    connectionString: dsn,
    application_name: 'millrace doctor',
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  return {
    announced: client.processID,
    servedBy: async () =>
      (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid,
    query: (sql: 'begin' | 'commit') => client.query(sql),
    [Symbol.asyncDispose]: () => client.end(),
  };
}
