export type Parameters = Readonly<Record<string, string | number | Buffer | Date | null>>;

/** What the statements of this folder need of a pool or of a connection within a transaction. */
export interface Database {
  /** Prepared by the server; `:name` is a parameter. */
  execute<Row>(
    statement: string,
    values?: Parameters,
  ): Promise<{ readonly rows: readonly Row[]; readonly affected: number }>;
  /** With `:ids`, which a prepared statement cannot take: the driver writes the numbers into the statement. */
  expand(statement: string, ids: readonly bigint[]): Promise<{ readonly affected: number }>;
}
