import { Command } from 'commander';
import { RemoteApi } from '../remote/api.ts';
import { type By, by, listCommand, namedCommand } from '../remote/options.ts';
import { more, type Shown, show, table } from '../remote/output.ts';

interface Schedule {
  readonly name: string;
  readonly type: string;
  readonly cron: string;
  readonly time_zone: string;
  readonly enabled: boolean;
  readonly next_run_at: string | null;
}

const ALL = '/api/v1/schedules';

export function schedulesCommand(): Command {
  return new Command('schedules')
    .description('look at schedules, pause, resume and run them (WE_API_URL)')
    .addCommand(listCommand('list schedules by name').action(list))
    .addCommand(one('pause', 'enqueue nothing until it is resumed').action(turn(false)))
    .addCommand(one('resume', 'go on; the ticks of the pause are not made up for').action(turn(true)))
    .addCommand(one('run', 'enqueue its job now, besides its ticks').action(run));
}

function one(name: string, description: string): Command {
  return namedCommand(name, description).argument('<name>', 'of the schedule');
}

async function list({ json, limit, cursor }: Shown & { limit: number; cursor?: string }): Promise<void> {
  const query = { limit: String(limit), cursor };
  const { value: page, text } = await new RemoteApi().get<{
    schedules: Schedule[];
    next_cursor: string | null;
  }>(ALL, query);
  const rows = page.schedules.map((schedule) => [
    schedule.name,
    schedule.type,
    schedule.cron,
    schedule.time_zone,
    schedule.enabled ? schedule.next_run_at : 'paused',
  ]);
  show({ json: json === true }, text, () =>
    rows.length === 0
      ? 'no schedules'
      : table(['NAME', 'TYPE', 'CRON', 'TIME ZONE', 'NEXT'], rows) + more(page.next_cursor),
  );
}

function turn(enabled: boolean) {
  return async (name: string, options: Shown & By): Promise<void> => {
    const { actor } = by(options);
    const { value: schedule, text } = await new RemoteApi().patch<Schedule>(pathOf(name), { enabled, actor });
    show(options, text, () => `${name}  ${enabled ? `on, next at ${schedule.next_run_at}` : 'paused'}`);
  };
}

async function run(name: string, options: Shown & By): Promise<void> {
  const { actor } = by(options);
  const { value: job, text } = await new RemoteApi().post<{ id: string; status: string }>(
    `${pathOf(name)}/run`,
    { actor },
  );
  show(options, text, () => `${job.id}  ${job.status}`);
}

function pathOf(name: string): string {
  return `${ALL}/${encodeURIComponent(name)}`;
}
