/** What mends a finding: commands to be run as they stand, one after the other. */
export interface Mend {
  /** Where it is run: `psql` as a superuser on the database of WE_POSTGRES_DSN, `replication` likewise with replication=database. */
  readonly in: 'psql' | 'replication' | 'shell';
  readonly run: readonly string[];
  /** What must be known besides, or done by hand. */
  readonly note?: string;
}

export interface Finding {
  /** Stable name, for scripts. */
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'failure';
  /** One sentence. */
  readonly says: string;
  readonly mend?: Mend;
}

export function ok(check: string, says: string): Finding {
  return { check, state: 'ok', says };
}

export function warning(check: string, says: string, mend?: Mend): Finding {
  return { check, state: 'warning', says, ...(mend ? { mend } : {}) };
}

export function failure(check: string, says: string, mend?: Mend): Finding {
  return { check, state: 'failure', says, ...(mend ? { mend } : {}) };
}

/** @param run one statement, or several */
export function psql(run: string | readonly string[], note?: string): Mend {
  return { in: 'psql', run: [run].flat(), ...(note === undefined ? {} : { note }) };
}

export function shell(run: string, note?: string): Mend {
  return { in: 'shell', run: [run], ...(note === undefined ? {} : { note }) };
}

/** A setting that takes effect once the server has read its files again. */
export function setting(name: string, value: string, note?: string): Mend {
  return psql([`alter system set ${name} = ${value}`, 'select pg_reload_conf()'], note);
}

/** As SQL quotes a name. */
export function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
