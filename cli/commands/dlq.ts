import { Command } from 'commander';
import { MillraceError } from '../../engine/errors.ts';
import { RemoteApi } from '../remote/api.ts';
import { type By, by, changingCommand, listCommand, whole } from '../remote/options.ts';
import { more, type Shown, show } from '../remote/output.ts';
import { jobTable } from './jobs.ts';

export function dlqCommand(): Command {
  return new Command('dlq')
    .description('look at dead letters, and queue them again (WE_API_URL)')
    .addCommand(
      listCommand('list dead letters, newest first')
        .option('--type <type>', 'of this type')
        .option('--error <text>', 'with this in the last error')
        .action(list),
    )
    .addCommand(redriveCommand());
}

function redriveCommand(): Command {
  return changingCommand('redrive', 'queue dead letters again, with all their retries')
    .argument('[ids...]', 'of the jobs; or --all, or a filter')
    .option('--all', 'every one')
    .option('--type <type>', 'of this type')
    .option('--error <text>', 'with this in the last error')
    .option('--after <time>', 'dead after this time: 2026-01-31T12:00:00Z')
    .option('--before <time>', 'dead before this time')
    .option('--limit <number>', 'at most so many, oldest first', whole)
    .option('--dry-run', 'only count')
    .addHelpText(
      'after',
      "\nExamples:\n  millrace dlq redrive --error 'disk full' --dry-run\n  millrace dlq redrive --error 'disk full' --reason 'disk was replaced'",
    )
    .action(redrive);
}

interface List extends Shown {
  readonly limit: number;
  readonly cursor?: string;
  readonly type?: string;
  readonly error?: string;
}

async function list({ json, limit, ...filter }: List): Promise<void> {
  const query = { ...filter, limit: String(limit) };
  const { value: page, text } = await new RemoteApi().get<Parameters<typeof asText>[0]>(
    '/api/v1/dead-letters',
    query,
  );
  show({ json: json === true }, text, () => asText(page));
}

function asText(page: { jobs: Parameters<typeof jobTable>[0]; next_cursor: string | null }): string {
  return page.jobs.length === 0 ? 'no dead letters match' : jobTable(page.jobs) + more(page.next_cursor);
}

interface Redrive extends Shown, By {
  readonly all?: boolean;
  readonly type?: string;
  readonly error?: string;
  readonly after?: string;
  readonly before?: string;
  readonly limit?: number;
  readonly dryRun?: boolean;
}

async function redrive(ids: readonly string[], options: Redrive): Promise<void> {
  const body = {
    ...which(ids, options),
    ...by(options),
    limit: options.limit,
    dry_run: options.dryRun === true,
  };
  const { value: answer, text } = await new RemoteApi().post<{ matched: number; redriven: number }>(
    '/api/v1/dead-letters/redrive',
    body,
  );
  const { matched, redriven } = answer;
  show(options, text, () =>
    options.dryRun ? `${matched} match; nothing was changed` : `${redriven} of ${matched} are queued again`,
  );
}

function which(ids: readonly string[], { all, type, error, after, before }: Redrive) {
  const filter = { type, error_contains: error, after, before };
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  if ([ids.length > 0, all === true, isFiltered].filter(Boolean).length !== 1) {
    throw new MillraceError(
      'invalid_request',
      'Say which dead letters: their ids, or a filter (--type, --error, …), or --all; one of these.',
    );
  }
  if (ids.length > 0) return { ids };
  return all ? { all: true } : { filter };
}
