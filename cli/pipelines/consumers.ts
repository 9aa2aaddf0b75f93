import type { ConsumerRef } from '../../engine/ports/event-bus.ts';
import { Brokers, wrong } from './brokers.ts';
import type { ProviderDeps } from './providers.ts';
import type { Pipeline, PipelineFile } from './schema.ts';

type Module = PipelineFile['modules'][number];
export type Consuming = Extract<Module, { type: 'eventbus.consumer' }>['config'];

/** A consumer, and where in the file it stands. */
export interface NamedConsumer {
  readonly module: string;
  readonly config: Consuming;
}

export function declaredConsumers({ modules }: PipelineFile): NamedConsumer[] {
  return modules.flatMap((module) =>
    module.type === 'eventbus.consumer' ? { module: module.name, config: module.config } : [],
  );
}

/** One that is declared among the modules, or else one of the trigger's own. */
export function consumerOfTrigger(
  file: PipelineFile,
  pipeline: string,
  { config }: NonNullable<Pipeline['trigger']>,
): NamedConsumer {
  const { stream_name, ...rest } = config;
  const known = declaredConsumers(file).find((consumer) => consumer.config.name === config.name);
  const stream = stream_name ?? known?.config.stream_name;
  if (!stream)
    throw wrong(`The trigger of ${pipeline} has no stream_name, and no consumer is called ${config.name}.`);
  if (known?.config.stream_name === stream) return known;
  return { module: `trigger of ${pipeline}`, config: { ...rest, stream_name: stream } };
}

export interface ConsumerBacklog extends ConsumerRef {
  readonly broker: string | undefined;
  readonly messages: number;
}

/** Looks at every consumer that the file declares, and declares nothing. */
export async function withBacklogs(
  file: PipelineFile,
  deps: ProviderDeps,
  use: (look: () => Promise<readonly ConsumerBacklog[]>) => Promise<void>,
): Promise<void> {
  const triggered = Object.entries(file.pipelines).flatMap(([name, { trigger }]) =>
    trigger ? consumerOfTrigger(file, name, trigger) : [],
  );
  const all = new Map([...declaredConsumers(file), ...triggered].map((one) => [one.module, one]));
  const brokers = new Brokers(deps);
  try {
    await brokers.open(file);
    const consumers = [...all.values()].map(({ module, config }) => ({
      bus: brokers.bus(config.broker_ref, module),
      broker: config.broker_ref,
      ref: { stream: config.stream_name, name: config.name },
    }));
    await use(async () => {
      const found: ConsumerBacklog[] = [];
      for (const { bus, broker, ref } of consumers) {
        found.push({ broker, ...ref, messages: await bus.backlog(ref) });
      }
      return found;
    });
  } finally {
    await brokers.close();
  }
}
