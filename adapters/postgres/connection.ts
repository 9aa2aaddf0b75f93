import type { ClientConfig } from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';

/** Where PostgreSQL is, and how to log in. */
export interface PostgresLogin {
  readonly dsn: string;
  /** Asked for at each connect, for passwords that expire; the one in the DSN unless given. */
  readonly password?: () => Promise<string>;
}

/** What every connection begins with. */
export function connectionOptions({ dsn, password }: PostgresLogin): ClientConfig {
  // pg lets what a DSN says, and also what it leaves out, go before the other options.
  return password === undefined ? { connectionString: dsn } : { ...parseIntoClientConfig(dsn), password };
}

/** The parts of a DSN that a login token is made for. */
export function addressOf(dsn: string): { host: string; port: number; user: string } {
  const { host, port, user } = parseIntoClientConfig(dsn);
  return { host: host ?? 'localhost', port: Number(port ?? 5432), user: user ?? '' };
}
