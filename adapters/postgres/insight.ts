import { MillraceError } from '../../engine/errors.ts';
import type { Database } from './sql/database.ts';
import * as sql from './sql/insight.ts';
import { translating } from './translating.ts';

export interface Leader {
  readonly name: string;
  readonly leader: string;
  readonly term: string;
}

export type Overview = Omit<sql.OverviewRow, 'leaders'> & {
  readonly leaders: readonly Leader[];
  readonly recent: sql.RecentRow;
};

/** What people and dashboards look at. Reads only, and each of them a bounded number of rows. */
export interface Insight {
  overview(): Promise<Overview>;
  relay(): Promise<sql.RelaySettingsRow & { readonly slots: readonly sql.RelayShardRow[] }>;
  types(): Promise<readonly sql.TypeRow[]>;
}

export function createInsight(database: Database): Insight {
  const db = translating(database);
  return {
    overview: async () => {
      const [overview, recent] = await Promise.all([sql.selectOverview(db), sql.selectRecent(db)]);
      const row = found(overview);
      return { ...row, leaders: JSON.parse(row.leaders) as Leader[], recent: found(recent) };
    },
    relay: async () => {
      const [settings, slots] = await Promise.all([sql.selectRelaySettings(db), sql.selectRelayShards(db)]);
      return { ...found(settings), slots };
    },
    types: () => sql.selectTypeLoads(db),
  };
}

function found<T>(row: T | undefined): T {
  if (row) return row;
  throw new MillraceError(
    'internal',
    'millrace_settings has no row. Put it back: insert into millrace_settings default values',
  );
}
