import { MillraceError } from '../../engine/errors.ts';
import type { EventBus } from '../../engine/ports/event-bus.ts';
import { type OpenProvider, openProvider, type ProviderDeps } from './providers.ts';
import type { PipelineFile } from './schema.ts';

/** The brokers of a pipeline file, by their names. */
export class Brokers {
  readonly #deps: ProviderDeps;
  readonly #open = new Map<string, OpenProvider>();

  constructor(deps: ProviderDeps) {
    this.#deps = deps;
  }

  async open({ modules }: PipelineFile): Promise<void> {
    for (const module of modules) {
      if (module.type !== 'eventbus.broker') continue;
      if (this.#open.has(module.name)) throw wrong(`Two brokers are called ${module.name}.`);
      this.#open.set(module.name, await openProvider(module.name, module.config, this.#deps));
    }
  }

  /** The one that is meant by whoever names it, or the only one. */
  bus(ref: string | undefined, who: string): EventBus {
    const [only, ...others] = this.#open.entries();
    if (ref !== undefined) {
      const broker = this.#open.get(ref);
      if (broker) return broker.bus;
      throw wrong(`${who} names the broker ${ref}, which is not declared.`);
    }
    if (only && others.length === 0) {
      this.#deps.logger.warn('no broker_ref is given; the only broker is taken', {
        of: who,
        broker: only[0],
      });
      return only[1].bus;
    }
    const all = [...this.#open.keys()].join(', ') || 'none';
    throw wrong(`${who} must say its broker_ref, as there is not exactly one broker (there are: ${all}).`);
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(({ close }) => close()));
  }
}

export function wrong(message: string): MillraceError {
  return new MillraceError('configuration', message);
}
