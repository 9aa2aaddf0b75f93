/**
 * The part that the statements on instances share: `$trail` holds what {@link instanceTrailRows} made, `applied` the units
 * that are written. A child that a message is for may begin with this very statement, so it is looked for in both places.
 */
export const trailCtes = (trail: string) => `
    trail as materialized (
      select t.*
      from json_to_recordset(${trail}::json) as t (
        unit integer, place integer, kind text, instance_id uuid, activation integer, step text, name text, type text, status text,
        started_at timestamptz, ended_at timestamptz, reason text, parent_id uuid, message text
      )
      join applied on applied.ord = t.unit
    ), history as (
      insert into workflow_history (instance_id, activation, step, type, status, started_at, ended_at, reason)
      select instance_id, activation, step, type, status, started_at, ended_at, reason
      from trail
      where kind = 'history'
      order by unit, instance_id, place
    ), task as (
      insert into workflow_user_tasks (instance_id, activation, step, name)
      select instance_id, activation, step, name from trail where kind = 'task' order by unit, place
    ), told as (
      insert into workflow_messages (instance_id, message)
      select coalesce(trail.instance_id, child.id), trail.message::json
      from trail
      left join workflow_instances child
        on child.parent_id = trail.parent_id and child.parent_activation = trail.activation
      where trail.kind = 'message' and coalesce(trail.instance_id, child.id) is not null
      order by trail.unit, trail.place
      returning 1
    )`;

/** A row of it wakes whoever moves instances on. `due` lists the times that were written. */
export const wakeWorkflows = (due: string) => `
      (
        select millrace_wake_workflows(min(soonest))
        from (
          select due_at as soonest from (${due}) as d
          union all
          select clock_timestamp() from told
        ) as w
        having min(soonest) is not null
      )`;
