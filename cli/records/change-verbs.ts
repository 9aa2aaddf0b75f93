import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { MillraceError } from '../../engine/errors.ts';
import type { NewRecord } from '../../engine/ports/workflow-record-store.ts';
import { changeRun, moveRun, type RunChange } from '../../engine/records/change-run.ts';
import { json, whole } from '../remote/options.ts';
import { type Shown, show } from '../remote/output.ts';
import { verb, withStore } from './verb.ts';

export function startCommand(): Command {
  return verb('start', 'a run of a workflow for a foreign id that has none open')
    .argument('<workflow>')
    .argument('<foreign-id>')
    .option('--status <number>', 'where it begins', whole, 1)
    .option('--object <json>', 'its data; - reads it from the standard input', json)
    .action(start);
}

export function moveCommand(): Command {
  return verb('move', 'bring a run to another status, as what it waits for has come')
    .argument('<run-id>')
    .argument('<status>', 'one that its workflow knows', whole)
    .option('--object <json>', 'its data from now on; - reads it from the standard input', json)
    .action(move);
}

export function changeCommand(change: RunChange, description: string): Command {
  return verb(change, description)
    .argument('<run-id>')
    .option('--reason <text>', 'why; it stands in the record')
    .action(changeBy(change));
}

interface Start extends Shown {
  readonly status: number;
  readonly object?: string;
}

function start(workflowName: string, foreignId: string, { status, object = '', ...options }: Start) {
  return withStore(async ({ store }) => {
    const run: NewRecord = {
      ...{ workflowName, foreignId, runId: randomUUID(), status, runState: 'running' },
      ...{ object: Buffer.from(object), version: 0 },
    };
    const outcome = await store.store(run);
    if (outcome.kind !== 'stored')
      throw new MillraceError(
        'illegal_transition',
        `${workflowName} has an open run for ${foreignId} already${outcome.kind === 'in_progress' ? `, which is ${outcome.runId}` : ''}.`,
      );
    showChanged(options, { ...run, version: outcome.version });
  });
}

interface Move extends Shown {
  readonly object?: string;
}

function move(runId: string, status: number, { object, ...options }: Move): Promise<void> {
  const to = { status, object: object === undefined ? undefined : Buffer.from(object) };
  return withStore(async ({ store }) => showChanged(options, await moveRun(store, runId, to)));
}

interface Change extends Shown {
  readonly reason?: string;
}

function changeBy(change: RunChange) {
  return (runId: string, { reason, ...options }: Change): Promise<void> =>
    withStore(async ({ store }) => showChanged(options, await changeRun(store, runId, { change, reason })));
}

function showChanged(options: Shown, { runId, status, runState, version }: NewRecord): void {
  const shown = { run_id: runId, status, run_state: runState, version };
  show(
    options,
    JSON.stringify(shown),
    () => `run ${runId} is ${runState} at status ${status}, version ${version}`,
  );
}
