import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';

/** A verb through the API, with the option that each of them has. */
export function remoteCommand(name: string, description: string): Command {
  return new Command(name).description(description).option('--json', 'machine-readable output');
}

/** One that changes something: who goes to the audit trail. */
export function namedCommand(name: string, description: string): Command {
  const who = 'who, for the audit trail; your user name unless given';
  return remoteCommand(name, description).option('--actor <name>', who);
}

/** One whose trail also says why. */
export function changingCommand(name: string, description: string): Command {
  return namedCommand(name, description).option('--reason <text>', 'why, for the audit trail');
}

export function listCommand(description: string): Command {
  return remoteCommand('list', description)
    .option('--limit <number>', 'at most so many', whole, 20)
    .option('--cursor <cursor>', 'go on where a list ended');
}

export interface By {
  readonly actor?: string;
  readonly reason?: string;
}

export function by({ actor = userName(), reason }: By): By {
  return reason === undefined ? { actor } : { actor, reason };
}

export function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

/** JSON, kept as the text it is; `-` reads it from the standard input. */
export function json(text: string): string {
  const value = text === '-' ? readFileSync(0, 'utf8') : text;
  try {
    JSON.parse(value);
  } catch (error) {
    throw new InvalidArgumentError(
      `It is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return value;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'cli';
  }
}
