import type { Command } from 'commander';
import { pathOf } from './commands/completion.ts';
import { treeOf } from './program.ts';
import { exitCodes } from './remote/exit-codes.ts';

/** `docs/cli.md`, from the definitions that parse the command line. */
export function cliReference(program: Command): string {
  const leaves = treeOf(program).filter((command) => command.commands.length === 0);
  return [
    '# The command line',
    '',
    '<!-- Made from the definitions: npx vitest run --project unit test/unit/docs/cli.unit.test.ts -u -->',
    '',
    'The verbs `jobs`, `workflows`, `dlq`, `schedules` and `seed` speak to the HTTP API at `WE_API_URL`, or at',
    'http://127.0.0.1:8080. With `--json` the answer of the API comes as it is, on one line. Colours are left out where the output is',
    'no terminal, or `NO_COLOR` is set. `source <(millrace completion bash)` completes verbs and options; `zsh` likewise.',
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '| ---: | --- |',
    ...Object.entries(exitCodes).map(([code, meaning]) => `| ${code} | ${meaning} |`),
    '',
    'The verbs that run the system and do not speak to the API end with 0, 1 or 2.',
    '',
    '## Verbs',
    '',
    ...leaves.flatMap(section),
  ].join('\n');
}

function section(command: Command): string[] {
  const takes = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  const title = ['millrace', pathOf(command), ...takes].join(' ');
  const options = command.options.map(({ flags, description, defaultValue }) => {
    const fallback = defaultValue === undefined ? '' : ` (${JSON.stringify(defaultValue)})`;
    return `| \`${flags}\` | ${description.replaceAll('|', '\\|')}${fallback} |`;
  });
  const table = options.length === 0 ? [] : ['| option | |', '| --- | --- |', ...options, ''];
  return [`### \`${title}\``, '', `${capital(command.description())}.`, '', ...table];
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
