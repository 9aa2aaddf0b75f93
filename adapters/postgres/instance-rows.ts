import type { InstanceSummary } from '../../engine/ports/record-store.ts';
import type { HistoryEntry } from '../../engine/workflow/effects.ts';
import type { InstanceRecord } from '../../engine/workflow/instance-record.ts';
import type { InstanceState, InstanceStatus } from '../../engine/workflow/state.ts';
import type { InstanceId } from '../../events/ids.ts';

/** Columns of `workflow_instances`, prefixed so that they can stand beside a job's: {@link instanceColumns}. */
export interface InstanceRow {
  instance_key: string;
  instance_name: string;
  instance_foreign_id: string | null;
  instance_definition_id: string;
  instance_definition_version: number;
  instance_definition_tenant: string;
  instance_status: string;
  instance_state: string;
  instance_variables: string;
  instance_current_step: number;
  instance_total_steps: number;
  instance_failure_reason: string | null;
  instance_parent_id: string | null;
  instance_parent_activation: number | null;
  instance_traceparent: string | null;
  instance_version: number;
  instance_created_at: Date;
  instance_updated_at: Date;
  instance_completed_at: Date | null;
  instance_loaded_at: Date;
}

/** The columns of {@link InstanceRow}, of the table under the name `i`. */
export const instanceColumns = `
  i.id as instance_key, i.name as instance_name, i.foreign_id as instance_foreign_id,
  i.definition_id as instance_definition_id, i.definition_version as instance_definition_version,
  i.definition_tenant as instance_definition_tenant,
  i.status as instance_status, i.state as instance_state,
  i.variables as instance_variables, i.current_step as instance_current_step, i.total_steps as instance_total_steps,
  i.failure_reason as instance_failure_reason, i.parent_id as instance_parent_id,
  i.parent_activation as instance_parent_activation, i.traceparent as instance_traceparent,
  i.version as instance_version, i.created_at as instance_created_at, i.updated_at as instance_updated_at,
  i.completed_at as instance_completed_at, clock_timestamp() as instance_loaded_at`;

export function toInstance(row: InstanceRow): InstanceRecord {
  return {
    id: row.instance_key as InstanceId,
    name: row.instance_name,
    foreignId: row.instance_foreign_id,
    definition: {
      id: row.instance_definition_id,
      version: row.instance_definition_version,
      ...ofTenant(row.instance_definition_tenant),
    },
    status: row.instance_status as InstanceStatus,
    state: JSON.parse(row.instance_state) as InstanceState,
    variables: row.instance_variables,
    currentStep: row.instance_current_step,
    totalSteps: row.instance_total_steps,
    failureReason: row.instance_failure_reason,
    parent:
      row.instance_parent_id === null
        ? null
        : { id: row.instance_parent_id as InstanceId, activation: row.instance_parent_activation ?? 0 },
    traceparent: row.instance_traceparent,
    version: row.instance_version,
    createdAt: row.instance_created_at,
    updatedAt: row.instance_updated_at,
    completedAt: row.instance_completed_at,
    loadedAt: row.instance_loaded_at,
  };
}

/** Absent where it is nobody's. */
export function ofTenant(tenant: string): { readonly tenant?: string } {
  return tenant === '' ? {} : { tenant };
}

export interface InstanceSummaryRow {
  id: string;
  name: string;
  foreign_id: string | null;
  definition_id: string;
  definition_version: number;
  status: string;
  current_step: number;
  total_steps: number;
  failure_reason: string | null;
  created_at: Date;
  updated_at: Date;
  completed_at: Date | null;
}

export function toInstanceSummary(row: InstanceSummaryRow): InstanceSummary {
  return {
    id: row.id as InstanceId,
    name: row.name,
    foreignId: row.foreign_id,
    definition: { id: row.definition_id, version: row.definition_version },
    status: row.status as InstanceStatus,
    currentStep: row.current_step,
    totalSteps: row.total_steps,
    failureReason: row.failure_reason,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    completedAt: row.completed_at,
  };
}

export interface HistoryRow {
  activation: number;
  step: string;
  type: string;
  status: string;
  started_at: Date;
  ended_at: Date;
  reason: string | null;
}

export function toHistoryEntry(row: HistoryRow): HistoryEntry {
  return {
    activation: row.activation,
    step: row.step,
    type: row.type as HistoryEntry['type'],
    status: row.status as HistoryEntry['status'],
    startedAt: row.started_at.getTime(),
    endedAt: row.ended_at.getTime(),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}
