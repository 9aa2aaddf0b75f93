import type { UserTaskFilter } from '../../../engine/ports/record-store.ts';
import type { InstanceId } from '../../../events/ids.ts';
import { type HistoryRow, type InstanceRow, instanceColumns } from '../instance-rows.ts';
import type { Database } from './database.ts';

export async function selectInstance(db: Database, id: InstanceId): Promise<InstanceRow | undefined> {
  const { rows } = await db.query<InstanceRow>(
    `
    select
      ${instanceColumns}
    from workflow_instances i
    where i.id = $1::uuid
    `,
    [id],
    'load-instance',
  );
  return rows[0];
}

export async function selectHistory(db: Database, id: InstanceId): Promise<HistoryRow[]> {
  const { rows } = await db.query<HistoryRow>(
    `
    select activation, step, type, status, started_at, ended_at, reason
    from workflow_history
    where instance_id = $1::uuid
    order by id
    `,
    [id],
  );
  return rows;
}

export type DueRow = InstanceRow & { message_id: string | null; message: string | null };

/** Messages go before timers, and of each instance the oldest: the next is met in the next round. */
export async function selectDueInstances(db: Database, limit: number): Promise<DueRow[]> {
  const { rows } = await db.query<DueRow>(
    `
    with told as (
      select distinct on (instance_id) instance_id, id, message
      from workflow_messages
      order by instance_id, id
      limit $1::integer
    ), due as (
      select id
      from workflow_instances
      where due_at <= clock_timestamp()
      order by due_at
      limit $1::integer
    ), chosen as (
      select instance_id as id from told
      union
      select id from due
      limit $1::integer
    )
    select ${instanceColumns}, told.id as message_id, told.message
    from chosen
    join workflow_instances i on i.id = chosen.id
    left join told on told.instance_id = chosen.id
    `,
    [limit],
  );
  return rows;
}

/** Never below 0; null when nothing is to come. */
export async function selectNextInstanceDue(db: Database): Promise<number | null> {
  const { rows } = await db.query<{ ms: number | null }>(
    `
    select
      case
        when exists (
          select from workflow_messages m join workflow_instances i on i.id = m.instance_id
        ) then 0
        else (
          select greatest(0, extract(epoch from min(due_at) - clock_timestamp()) * 1000)::double precision
          from workflow_instances
          where due_at is not null
        )
      end as ms
    `,
  );
  return rows[0]?.ms ?? null;
}

export interface UserTaskRow {
  instance_id: string;
  activation: number;
  step: string;
  name: string;
  workflow: string;
  foreign_id: string | null;
  opened_at: Date;
}

export async function selectUserTasks(db: Database, filter: UserTaskFilter): Promise<UserTaskRow[]> {
  const { rows } = await db.query<UserTaskRow>(
    `
    select t.instance_id, t.activation, t.step, t.name, i.name as workflow, i.foreign_id, t.opened_at
    from workflow_user_tasks t
    join workflow_instances i on i.id = t.instance_id
    where ($1::uuid is null or t.instance_id = $1)
      and ($2::text is null or t.step = $2)
    order by t.opened_at, t.instance_id, t.activation
    limit $3::integer
    `,
    [filter.instanceId ?? null, filter.step ?? null, filter.limit],
  );
  return rows;
}
