import { Command } from 'commander';
import { RemoteApi } from '../remote/api.ts';
import { type By, by, changingCommand, json, listCommand, remoteCommand } from '../remote/options.ts';
import { more, plain, type Shown, show, status, table } from '../remote/output.ts';

interface Workflow {
  readonly id: string;
  readonly name: string;
  readonly foreign_id: string | null;
  readonly status: string;
  readonly created_at: string;
}

interface WorkflowDetail extends Workflow {
  readonly steps: readonly {
    readonly name: string;
    readonly type: string | null;
    readonly status: string;
    readonly attempt: number;
    readonly error: string | null;
  }[];
}

const ALL = '/api/v1/workflows';

export function workflowsCommand(): Command {
  return new Command('workflows')
    .description('start workflows, look at them, signal and cancel them (WE_API_URL)')
    .addCommand(
      remoteCommand('start', 'start a workflow')
        .argument(
          '<request>',
          'JSON, as POST /api/v1/workflows takes it; - reads it from the standard input',
          json,
        )
        .addHelpText(
          'after',
          `\nExample:\n  millrace workflows start '{"name":"order","steps":[{"name":"extract","type":"extract"},{"name":"notify","type":"notify"}]}'`,
        )
        .action(start),
    )
    .addCommand(
      listCommand('list workflows, newest first')
        .option('--status <status>', 'running, completed, failed, cancelled')
        .option('--name <name>', 'of this name')
        .option('--foreign-id <id>', 'with this key of yours')
        .action(list),
    )
    .addCommand(
      remoteCommand('get', 'show a workflow and its steps').argument('<id>', 'of the workflow').action(get),
    )
    .addCommand(
      changingCommand('signal', 'signal a step that waits')
        .argument('<id>', 'of the workflow')
        .argument('<step>', 'that waits for it')
        .argument('[variables]', 'JSON; - reads it from the standard input', json, '{}')
        .action(signal),
    )
    .addCommand(
      changingCommand('cancel', 'cancel a workflow and its open jobs')
        .argument('<id>', 'of the workflow')
        .action(cancel),
    );
}

async function start(request: string, options: Shown): Promise<void> {
  const { value: workflow, text } = await new RemoteApi().post<Workflow>(ALL, request);
  show(options, text, () => `${workflow.id}  ${status(workflow.status)}`);
}

interface List extends Shown {
  readonly limit: number;
  readonly cursor?: string;
  readonly status?: string;
  readonly name?: string;
  readonly foreignId?: string;
}

async function list({ json: asJson, limit, foreignId, ...filter }: List): Promise<void> {
  const query = { ...filter, limit: String(limit), foreign_id: foreignId };
  const { value: page, text } = await new RemoteApi().get<{
    workflows: Workflow[];
    next_cursor: string | null;
  }>(ALL, query);
  const rows = page.workflows.map((found) => [
    found.id,
    found.name,
    found.status,
    found.created_at,
    found.foreign_id,
  ]);
  show({ json: asJson === true }, text, () =>
    rows.length === 0
      ? 'no workflow matches'
      : table(['ID', 'NAME', 'STATUS', 'CREATED', 'FOREIGN ID'], rows) + more(page.next_cursor),
  );
}

async function get(id: string, options: Shown): Promise<void> {
  const { value: workflow, text } = await new RemoteApi().get<WorkflowDetail>(pathOf(id));
  const rows = workflow.steps.map((step) => [
    step.name,
    step.type,
    step.status,
    step.attempt,
    step.error ?? '',
  ]);
  show(options, text, () =>
    [
      `${workflow.id}  ${plain(workflow.name)}  ${status(workflow.status)}`,
      table(['STEP', 'TYPE', 'STATUS', 'ATTEMPT', 'ERROR'], rows),
    ].join('\n'),
  );
}

async function signal(
  id: string,
  ...rest: [step: string, variables: string, options: Shown & By]
): Promise<void> {
  const [step, variables, options] = rest;
  const body = `${JSON.stringify({ step, ...by(options) }).slice(0, -1)},"variables":${variables}}`;
  const { text } = await new RemoteApi().post<Workflow>(`${pathOf(id)}/signal`, body);
  show(options, text, () => `${id}  signalled`);
}

async function cancel(id: string, options: Shown & By): Promise<void> {
  const { text } = await new RemoteApi().post<Workflow>(`${pathOf(id)}/cancel`, by(options));
  show(options, text, () => `${id}  ${status('cancelled')}`);
}

function pathOf(id: string): string {
  return `${ALL}/${encodeURIComponent(id)}`;
}
