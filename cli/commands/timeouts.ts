import { Command, Option } from 'commander';
import { openTimeoutStore, readTimeoutStore } from '../../adapters/open-timeout-store.ts';
import { MillraceError } from '../../engine/errors.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import {
  type Timeout,
  type TimeoutState,
  type TimeoutStore,
  timeoutStates,
} from '../../engine/ports/timeout-store.ts';
import { verb } from '../records/verb.ts';
import { whole } from '../remote/options.ts';
import { more, type Shown, show, table } from '../remote/output.ts';

export function timeoutsCommand(): Command {
  return new Command('timeouts')
    .description('timeouts of record workflows, in PostgreSQL or Redis (WE_TIMEOUT_STORE)')
    .addCommand(
      verb('list', 'by id')
        .argument('<workflow>')
        .addOption(new Option('--state <state>', 'in this state').choices(timeoutStates).default('pending'))
        .option('--limit <number>', 'at most so many', whole, 20)
        .option('--cursor <id>', 'go on after this id, where a list ended')
        .action(list),
    )
    .addCommand(
      verb('cancel', 'one that is pending: it will not be fired, and its run stays where it is')
        .argument('<workflow>')
        .argument('<id>', 'as the list shows it')
        .action(cancel),
    );
}

interface List extends Shown {
  readonly state: TimeoutState;
  readonly limit: number;
  readonly cursor?: string;
}

function list(workflow: string, { state, limit, cursor, ...options }: List): Promise<void> {
  return withStore(async (store) => {
    // One more than is shown, to know whether there is another page.
    const found = await store.list(workflow, { state, after: cursor, limit: limit + 1 });
    const shown = found.slice(0, limit);
    const next = found.length > limit ? (shown.at(-1)?.id ?? null) : null;
    const timeouts = shown.map(shownOf);
    show(options, JSON.stringify({ timeouts, next_cursor: next }), () => {
      const rows = timeouts.map((one) => [one.id, one.foreign_id, one.status, one.state, one.expires_at]);
      return table(['ID', 'FOREIGN ID', 'STATUS', 'STATE', 'EXPIRES'], rows) + more(next);
    });
  });
}

function cancel(workflow: string, id: string, options: Shown): Promise<void> {
  return withStore(async (store) => {
    const ref = { workflow, id };
    const isEnded = await store.cancel(ref);
    const timeout = await store.get(ref);
    if (!timeout)
      throw new MillraceError(
        'not_found',
        `${workflow} has no timeout ${id}. millrace timeouts list ${workflow} shows them.`,
      );
    if (!isEnded)
      throw new MillraceError(
        'illegal_transition',
        `The timeout ${id} is ${timeout.state} already. Nothing was changed.`,
      );
    show(options, JSON.stringify(shownOf(timeout)), () => `timeout ${id} of ${workflow} is cancelled`);
  });
}

function shownOf({ workflow, id, foreignId, runId, status, state, expiresAt, createdAt, endedAt }: Timeout) {
  return {
    ...{ workflow, id, foreign_id: foreignId, run_id: runId, status, state },
    expires_at: expiresAt.toISOString(),
    created_at: createdAt.toISOString(),
    ended_at: endedAt?.toISOString() ?? null,
  };
}

async function withStore(use: (store: TimeoutStore) => Promise<void>): Promise<void> {
  const name = readTimeoutStore(process.env);
  const { timeouts, close } = await openTimeoutStore(name, { env: process.env, logger: silentLogger });
  try {
    await use(timeouts);
  } finally {
    await close();
  }
}
