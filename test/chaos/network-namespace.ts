import { randomBytes } from 'node:crypto';
import { runCommand } from '../../cli/dev/backends/processes.ts';

/** A cable between this machine and a namespace, which can be cut: packets vanish, and neither side hears of it. */
export interface Cable {
  /** This machine's address on the cable. */
  readonly host: string;
  cut(): Promise<void>;
  heal(): Promise<void>;
}

/** A network of its own for a process. Needs root and `ip`; `reasonAgainst` says what is missing. */
export class NetworkNamespace implements AsyncDisposable {
  readonly #name = `mr${randomBytes(4).toString('hex')}`;

  static async create(): Promise<NetworkNamespace> {
    const namespace = new NetworkNamespace();
    await ip('netns', 'add', namespace.#name);
    // The relay serves its metrics on the loopback interface.
    await namespace.#inside('ip', 'link', 'set', 'lo', 'up');
    return namespace;
  }

  /** What to put before a command to run it in here. */
  get within(): readonly string[] {
    return ['ip', 'netns', 'exec', this.#name];
  }

  async cable(): Promise<Cable> {
    const id = randomBytes(3).toString('hex');
    const [outer, inner] = [`mo${id}`, `mi${id}`];
    const [a = 0, b = 0] = randomBytes(2);
    const net = (last: number): string => `10.213.${a}.${(b & 0xfc) + last}`;
    await ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner);
    await ip('link', 'set', inner, 'netns', this.#name);
    await ip('addr', 'add', `${net(1)}/30`, 'dev', outer);
    await ip('link', 'set', outer, 'up');
    await this.#inside('ip', 'addr', 'add', `${net(2)}/30`, 'dev', inner);
    await this.#inside('ip', 'link', 'set', inner, 'up');
    // On both ends, each of which stays up: a link that is down would be noticed.
    const both = async (verb: 'add' | 'del'): Promise<void> => {
      await must('tc', 'qdisc', verb, 'dev', outer, 'root', 'blackhole');
      await this.#inside('tc', 'qdisc', verb, 'dev', inner, 'root', 'blackhole');
    };
    return { host: net(1), cut: () => both('add'), heal: () => both('del') };
  }

  /** Why this machine cannot have one; undefined when it can. */
  static async reasonAgainst(): Promise<string | undefined> {
    try {
      await using probe = await NetworkNamespace.create();
      const cable = await probe.cable();
      await cable.cut();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The cables go with it.
    await ip('netns', 'del', this.#name);
  }

  async #inside(...command: string[]): Promise<void> {
    await must(...this.within, ...command);
  }
}

function ip(...args: string[]): Promise<void> {
  return must('ip', ...args);
}

async function must(...[command = '', ...args]: string[]): Promise<void> {
  const { code, output } = await runCommand(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${output.trim()}`);
}
