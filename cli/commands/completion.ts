import { Argument, Command } from 'commander';

const shells = ['bash', 'zsh'] as const;

export function completionCommand(): Command {
  return new Command('completion')
    .description('print the completion of a shell')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(millrace completion bash)\n  millrace completion zsh > ~/.zfunc/_millrace',
    )
    .action(completion);
}

async function completion(shell: (typeof shells)[number]): Promise<void> {
  const { createProgram } = await import('../program.ts');
  console.log(completionScript(shell, await createProgram()));
}

export function completionScript(shell: (typeof shells)[number], program: Command): string {
  const words = allOf(program).map((command) => [pathOf(command), wordsOf(command)] as const);
  return shell === 'bash' ? bash(words) : zsh(words);
}

function allOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}

/** `jobs list`; empty for the command itself. */
export function pathOf(command: Command): string {
  const names: string[] = [];
  for (let at = command; at.parent; at = at.parent) names.unshift(at.name());
  return names.join(' ');
}

function wordsOf(command: Command): string {
  const options = command.options.flatMap(({ long }) => long ?? []);
  return [...command.commands.map((child) => child.name()), ...options, '--help'].join(' ');
}

type Words = readonly (readonly [path: string, words: string])[];

function cases(words: Words): string {
  return words.map(([path, known]) => `    '${path}') words='${known}' ;;`).join('\n');
}

function bash(words: Words): string {
  return `_millrace() {
  local path= words= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] && continue
    case " ${paths(words)} " in *" \${path:+$path/}$word "*) path="\${path:+$path/}$word" ;; esac
  done
  case "\${path//\\// }" in
${cases(words)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _millrace millrace`;
}

/** zsh runs the function of bash: one to keep right. */
function zsh(words: Words): string {
  return `#compdef millrace
autoload -U +X bashcompinit && bashcompinit
${bash(words)}`;
}

function paths(words: Words): string {
  return words.map(([path]) => path.replaceAll(' ', '/')).join(' ');
}
