import { Command, Option } from 'commander';
import { migrateRecordStore } from '../../adapters/open-record-store.ts';
import { readRecordStore } from '../../adapters/record-store-config.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { MillraceError } from '../../engine/errors.ts';
import { type RunState, runStates, type WorkflowRecord } from '../../engine/ports/workflow-record-store.ts';
import { ensureRecordStream, publishRecords } from '../../engine/records/outbox-publisher.ts';
import { changeCommand, moveCommand, startCommand } from '../records/change-verbs.ts';
import { verb, withStore } from '../records/verb.ts';
import { whole } from '../remote/options.ts';
import { more, type Shown, show, table } from '../remote/output.ts';
import { announceReady, releaseParent, shutdownSignal } from '../shutdown.ts';

export function recordsCommand(): Command {
  return new Command('records')
    .description('workflow records and their outbox, in PostgreSQL or MySQL (WE_RECORD_STORE)')
    .addCommand(verb('migrate', 'make the tables, or change them to what this version needs').action(migrate))
    .addCommand(
      new Command('run')
        .description(
          'do the steps and fire the timeouts of the record workflows that a module exports (defineRecordWorkflow), and publish their events, until stopped',
        )
        .argument('<module>', 'TypeScript or JavaScript')
        .action(run),
    )
    .addCommand(startCommand())
    .addCommand(listCommand())
    .addCommand(verb('get', 'one record, with its object').alias('show').argument('<run-id>').action(getOne))
    .addCommand(moveCommand())
    .addCommand(changeCommand('pause', 'a run is worked on no more until it is resumed'))
    .addCommand(changeCommand('resume', 'a paused run goes on, its errors counted anew'))
    .addCommand(changeCommand('cancel', 'a run ends where it is'))
    .addCommand(
      new Command('publish')
        .description('publish what stands in the outbox to WE_EVENT_BUS until stopped, where no `run` does')
        .action(publish),
    );
}

function listCommand(): Command {
  return verb('list', 'the newest records first')
    .option('--workflow <name>', 'of this workflow')
    .option('--foreign-id <id>', 'of this foreign id')
    .addOption(new Option('--state <state>', 'in this state').choices(runStates))
    .option('--limit <number>', 'at most so many', whole, 20)
    .option('--cursor <cursor>', 'go on where a list ended')
    .action(list);
}

async function migrate(options: Shown): Promise<void> {
  const applied = await migrateRecordStore(readRecordStore(process.env), process.env);
  show(options, JSON.stringify({ applied }), () =>
    applied.length === 0 ? 'nothing to apply' : applied.map((name) => `migration ${name} applied`).join('\n'),
  );
}

interface List extends Shown {
  readonly workflow?: string;
  readonly foreignId?: string;
  readonly state?: RunState;
  readonly limit: number;
  readonly cursor?: string;
}

function list({ workflow, foreignId, state, limit, cursor, ...options }: List): Promise<void> {
  return withStore(async ({ store }) => {
    const page = await store.list({
      workflowName: workflow,
      foreignId,
      runStates: state && [state],
      order: 'descending',
      limit,
      cursor,
    });
    const next = page.cursor ?? null;
    const records = page.records.map(shownOf);
    show(options, JSON.stringify({ records, next_cursor: next }), () => {
      const head = ['RUN', 'WORKFLOW', 'FOREIGN ID', 'STATUS', 'STATE', 'VERSION', 'UPDATED'];
      const rows = records.map((record) => [
        record.run_id,
        record.workflow_name,
        record.foreign_id,
        record.status,
        record.run_state,
        record.version,
        record.updated_at,
      ]);
      return table(head, rows) + more(next);
    });
  });
}

function getOne(runId: string, options: Shown): Promise<void> {
  return withStore(async ({ store }) => {
    const record = await store.lookup(runId);
    if (!record)
      throw new MillraceError('not_found', `There is no run ${runId}. millrace records list shows them.`);
    const shown = { ...shownOf(record), object: record.object.toString('base64') };
    show(options, JSON.stringify(shown), () =>
      [...Object.entries(shownOf(record)), ['object', record.object.toString()]]
        .map(([name, value]) => `${name}: ${value ?? '–'}`)
        .join('\n'),
    );
  });
}

function shownOf(record: WorkflowRecord) {
  return {
    run_id: record.runId,
    workflow_name: record.workflowName,
    foreign_id: record.foreignId,
    status: record.status,
    run_state: record.runState,
    reason: record.reason ?? null,
    version: record.version,
    created_at: record.createdAt.toISOString(),
    updated_at: record.updatedAt.toISOString(),
  };
}

async function publish(): Promise<void> {
  const logger = createJsonLogger();
  const signal = shutdownSignal();
  const { openRecordParts } = await import('../records/open-parts.ts');
  try {
    await using opened = await openRecordParts(logger, { timeouts: false });
    const { parts } = opened;
    await ensureRecordStream(parts.bus);
    announceReady({});
    console.log('ready');
    await publishRecords({ ...parts, store: parts.records }, signal);
  } finally {
    releaseParent();
  }
}

async function run(path: string): Promise<void> {
  const { runModule } = await import('../records/run.ts');
  await runModule(path);
}
