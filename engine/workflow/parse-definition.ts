import { isStepId, type StepId } from '../../events/ids.ts';
import { rawMembers } from '../raw-json.ts';
import { retryBounds } from '../retry-policy.ts';
import type { Assignment, BoundaryTimer, Branch, Definition, Step, StepType } from './definition.ts';
import { stepTypes } from './definition.ts';
import { durationMs } from './duration.ts';
import { FieldReader } from './field-reader.ts';
import { graphFaults } from './graph-faults.ts';
import { readTable } from './parse-table.ts';
import { stepFaults } from './step-faults.ts';

export type ParsedDefinition =
  | { readonly kind: 'valid'; readonly definition: Definition }
  /** Every fault there is, each naming its step. */
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

const MAX_STEPS = 10_000;

/** Reads a definition from JSON text that JSON.parse has accepted: order matters, and values stay as they were written. */
export function parseDefinition(text: string): ParsedDefinition {
  if (!text.trimStart().startsWith('{'))
    return { kind: 'invalid', faults: ['the definition must be an object'] };
  const fields = new FieldReader(rawMembers(text));
  const id = fields.text('id') ?? '';
  const name = fields.text('name') ?? '';
  const description = fields.text('description');
  const autoStart = fields.boolean('autoStartNextWorkflow') ?? false;
  const next = fields.text('nextWorkflowId');
  const rawSteps = fields.list('steps') ?? [];
  fields.ignore('version', 'metadata');
  const faults = fields.finish();

  faults.push(...headFaults({ id, name, autoStart, next, steps: rawSteps.length }));
  if (rawSteps.length === 0 || rawSteps.length > MAX_STEPS) return { kind: 'invalid', faults };
  const steps = rawSteps.map((raw, index) => readStep(raw, { index, faults }));
  const byId = new Map<string, Step>();
  for (const [index, step] of steps.entries()) {
    if (step.id === '') faults.push(`step[${index}] id is required`);
    else if (byId.has(step.id)) faults.push(`duplicate step id: "${step.id}"`);
    else byId.set(step.id, step);
  }
  const first = steps[0]?.id ?? '';
  const definition: Definition = {
    id,
    name,
    description,
    nextWorkflowId: autoStart ? next : undefined,
    first,
    steps: byId,
  };
  faults.push(...steps.flatMap((step) => stepFaults(step, byId)));
  // The ways through a graph whose parts are wrong say nothing new.
  if (faults.length === 0) faults.push(...graphFaults(definition));
  return faults.length === 0 ? { kind: 'valid', definition } : { kind: 'invalid', faults };
}

interface Head {
  readonly id: string;
  readonly name: string;
  readonly autoStart: boolean;
  readonly next: string | undefined;
  readonly steps: number;
}

function headFaults({ id, name, autoStart, next, steps }: Head): string[] {
  const faults: string[] = [];
  if (id === '') faults.push('id is required');
  if (id.length > 256) faults.push(`id must be ≤ 256 characters, got ${id.length}`);
  if (id !== '' && !/^[A-Za-z0-9_:-]+$/.test(id)) faults.push(`id "${id}" must match ^[A-Za-z0-9_:\\-]+$`);
  if (name === '') faults.push('name is required');
  if (autoStart && !next) faults.push('nextWorkflowId is required when autoStartNextWorkflow is true');
  if (steps === 0) faults.push('steps must not be empty');
  if (steps > MAX_STEPS) faults.push(`steps must be at most ${MAX_STEPS}, got ${steps}`);
  return faults;
}

function readStep(raw: string, { index, faults }: { index: number; faults: string[] }): Step {
  const isObject = raw.startsWith('{');
  if (!isObject) faults.push(`step[${index}] must be an object`);
  const fields = new FieldReader(isObject ? rawMembers(raw) : new Map());
  const id = fields.text('id') ?? '';
  const jobType = fields.text('jobType');
  const step: Step = {
    id,
    name: fields.text('name') ?? '',
    type: readType(fields),
    description: fields.text('description'),
    nextStep: fields.text('nextStep') || undefined,
    branches: readBranches(fields),
    parallelNextSteps: (fields.list('parallelNextSteps') ?? []).map((entry) => textOf(entry)),
    joinStep: fields.text('joinStep') || undefined,
    transformations: readAssignments(fields, fields.object('transformations')),
    table: readTable(fields, readAssignments),
    jobType: jobType ? toJobType(fields, 'jobType', jobType) : undefined,
    retryCount: readCount(fields, 'retryCount', { min: 0, max: 1000 }) ?? 0,
    retry: readRetry(fields),
    timeoutMs: readDuration(fields, 'timeout'),
    durationMs: readDuration(fields, 'duration'),
    timers: readTimers(fields),
    payload: fields.raw('payload', '{'),
    output: fields.text('output'),
    forEach: readForEach(fields),
    child: readChild(fields),
    compensation: readCompensation(fields),
  };
  fields.ignore('delegateClass');
  const label = id === '' ? `step[${index}]` : `step "${id}"`;
  faults.push(...fields.finish().map((fault) => `${label}${fault.startsWith(':') ? '' : ' '}${fault}`));
  return step;
}

function readType(fields: FieldReader): StepType {
  const type = fields.text('type') ?? '';
  const known = stepTypes.find((candidate) => candidate === type);
  if (known) return known;
  fields.fault(`: unsupported type "${type}"`);
  return 'END';
}

function readBranches(fields: FieldReader): Branch[] {
  return [...(fields.object('conditionalNextSteps') ?? [])].flatMap(([condition, target]) => {
    const when = fields.expression('conditionalNextSteps', condition);
    return when ? [{ when, to: textOf(target) }] : [];
  });
}

/** Members whose values are JSON text, or expressions where they are strings `${…}`. */
function readAssignments(
  fields: FieldReader,
  members: ReadonlyMap<string, string> | undefined,
): Assignment[] {
  return [...(members ?? [])].flatMap(([name, raw]): Assignment[] => {
    const inner = raw.startsWith('"') ? textOf(raw) : '';
    if (!inner.startsWith('${') || !inner.endsWith('}')) return [{ name, value: raw }];
    const value = fields.expression(`transformations["${name}"]`, inner.slice(2, -1));
    return value ? [{ name, value }] : [];
  });
}

function readTimers(fields: FieldReader): BoundaryTimer[] {
  return (fields.list('boundaryEvents') ?? []).flatMap((raw, index) => {
    const at = `boundaryEvents[${index}]`;
    const event = fields.within(at, raw);
    if (!event) return [];
    const type = event.text('type') ?? '';
    if (type !== 'TIMER') event.fault(`: unsupported type "${type}" (only TIMER is in scope)`);
    const duration = event.text('duration');
    const target = event.text('targetStepId');
    const interrupting = event.boolean('interrupting') ?? false;
    const afterMs = duration ? durationMs(duration) : undefined;
    if (!duration) event.fault(': duration is required for TIMER events');
    else if (afterMs === undefined) event.fault(`: ${badDuration(duration)}`);
    if (!target) event.fault(': targetStepId is required');
    fields.adopt(event, at);
    return afterMs === undefined || !target ? [] : [{ afterMs, interrupting, target }];
  });
}

function readDuration(fields: FieldReader, name: string): number | undefined {
  const text = fields.text(name);
  if (text === undefined) return undefined;
  const milliseconds = durationMs(text);
  if (milliseconds === undefined) fields.fault(`${name}: ${badDuration(text)}`);
  return milliseconds;
}

function badDuration(text: string): string {
  return `"${text}" is not an ISO 8601 duration of weeks, days, hours, minutes and seconds, such as P1DT12H or PT30S`;
}

function readForEach(fields: FieldReader): Step['forEach'] {
  const raw = fields.raw('forEach', '{');
  const inner = raw === undefined ? undefined : fields.within('forEach', raw);
  if (!inner) return undefined;
  const items = inner.expression('items', inner.text('items') ?? '');
  const as = inner.text('as') || 'item';
  const concurrency = readCount(inner, 'concurrency', { min: 1, max: 1000 }) ?? 10;
  fields.adopt(inner, 'forEach');
  return items && { items, as, concurrency };
}

function readChild(fields: FieldReader): Step['child'] {
  const workflowId = fields.text('workflowId');
  const version = readCount(fields, 'workflowVersion', { min: 1, max: 2_147_483_647 });
  return workflowId ? { workflowId, version } : undefined;
}

function readCompensation(fields: FieldReader): Step['compensation'] {
  const raw = fields.raw('compensation', '{');
  const inner = raw === undefined ? undefined : fields.within('compensation', raw);
  if (!inner) return undefined;
  const text = inner.text('jobType') ?? '';
  if (text === '') inner.fault(': jobType is required');
  const jobType = text === '' ? undefined : toJobType(inner, 'jobType', text);
  const retryCount = readCount(inner, 'retryCount', { min: 0, max: 1000 }) ?? 0;
  fields.adopt(inner, 'compensation');
  return jobType && { jobType, retryCount };
}

function readRetry(fields: FieldReader): Step['retry'] {
  const raw = fields.raw('retry', '{');
  const inner = raw === undefined ? undefined : fields.within('retry', raw);
  if (!inner) return undefined;
  const settings: Record<string, number> = {};
  for (const [name, [min, max]] of Object.entries(retryBounds)) {
    const value = inner.number(name);
    if (value === undefined) continue;
    if (value < min || value > max) inner.fault(`${name} must be from ${min} to ${max}, got ${value}`);
    settings[name] = value;
  }
  fields.adopt(inner, 'retry');
  return settings;
}

function readCount(
  fields: FieldReader,
  name: string,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const value = fields.number(name);
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  fields.fault(`${name} must be a whole number from ${min} to ${max}, got ${value}`);
  return undefined;
}

function toJobType(fields: FieldReader, name: string, text: string): StepId | undefined {
  if (isStepId(text)) return text;
  fields.fault(`${name} "${text}" cannot name a topic: use letters, digits, ".", "_" and "-", at most 200`);
  return undefined;
}

function textOf(raw: string): string {
  return raw.startsWith('"') ? (JSON.parse(raw) as string) : raw;
}
