import { parseDefinition } from '../engine/workflow/parse-definition.ts';
import type { App } from './compose.ts';
import { requireKnownTypes } from './http/accept.ts';

/**
 * A tenant's definition has only jobs for which the operator has handlers. Others would wait for ever, and with Kafka have no
 * topic, which holds up the jobs of all. What the operator uploads may be ahead of its handlers.
 * @throws MillraceError `unknown_job_type` naming the steps
 */
export async function requireHandlers({ tenant, types }: App, document: string): Promise<void> {
  if (tenant === undefined) return;
  const parsed = parseDefinition(document);
  // Its faults are told by whoever stores it.
  if (parsed.kind === 'invalid') return;
  const jobs = [...parsed.definition.steps.values()].flatMap(({ id, jobType, compensation }) =>
    [jobType, compensation?.jobType].flatMap((type) => (type === undefined ? [] : [{ step: id, type }])),
  );
  const wanted = jobs.map(({ type }) => type);
  await requireKnownTypes(types, wanted, (index) => `step "${jobs[index]?.step}" jobType`);
}
