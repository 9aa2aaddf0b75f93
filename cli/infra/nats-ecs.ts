import { type Broker, bytesOf, quantityOf, wrong } from './broker.ts';
import { Manifest } from './manifest.ts';
import { nodesOf, sized, tagOf } from './nats.ts';

const MiB = 2 ** 20;
/** Of a CPU in thousandths: what Fargate has of memory beside so much of it, in MiB, least and most. */
const FARGATE: Readonly<Record<string, readonly [number, number]>> = {
  250: [512, 2_048],
  500: [1_024, 4_096],
  1000: [2_048, 8_192],
  2000: [4_096, 16_384],
  4000: [8_192, 30_720],
};
const DEFAULT_MEMORY_MIB = 1_024;
/** What there is one of in the template, and one a node in what is rendered. */
const NODE = ['Name', 'Files', 'Task', 'Service'] as const;
const OF_NODE = new RegExp(`^(${NODE.join('|')})0(?=$|\\.)|(?<=nats-)0$`);

/** `infra/cloudformation/nats.yml` with the values of a broker: a service and a store for each of its nodes. */
export function renderEcs(broker: Broker<'nats'>): Manifest {
  const { name } = broker;
  const nodes = nodesOf(broker);
  const manifest = Manifest.read('cloudformation/nats.yml');
  const template = manifest.of();
  template.set(['Parameters', 'Prefix', 'Default'], name);
  const tag = tagOf(broker);
  if (tag !== undefined)
    template.set(['Parameters', 'NatsImage', 'Default'], `public.ecr.aws/docker/library/nats:${tag}`);
  const { cpu, memory } = sizeOf(broker);
  if (cpu !== undefined) template.set(['Parameters', 'NatsCpu', 'Default'], cpu);
  if (memory !== undefined) template.set(['Parameters', 'NatsMemory', 'Default'], memory);
  const addresses = (port: number) =>
    Array.from({ length: nodes }, (_, node) => `nats://nats-${node}.\${Prefix}-nats.internal:${port}`);
  const resources = NODE.map((kind) => ({ kind, copy: template.take(['Resources', `${kind}0`]) }));
  for (let node = 0; node < nodes; node += 1) {
    for (const { kind, copy } of resources) {
      const numbered = copy((text) => text.replace(OF_NODE, (_, own = '') => `${own}${node}`));
      template.add(['Resources', `${kind}${node}`], numbered);
    }
    const at = [
      'Resources',
      `Task${node}`,
      'Properties',
      'ContainerDefinitions',
      0,
      'Environment',
      1,
      'Value',
    ];
    const conf = sized(template.text(at), broker);
    if (nodes === 1) template.set(at, conf);
    else template.setSub(at, `${conf}${clusterOf(addresses(6222))}`);
  }
  template.setSub(['Outputs', 'NatsUrl', 'Value'], addresses(4222).join(','));
  return manifest;
}

function clusterOf(routes: readonly string[]): string {
  return `cluster { name: \${Prefix}, port: 6222, routes: [${routes.join(', ')}] }\n`;
}

/** As Fargate has them: units of a CPU, and MiB. */
function sizeOf({ config: { limits = {}, jetstream = {} } }: Broker<'nats'>): {
  cpu?: string;
  memory?: string;
} {
  if (limits.storage !== undefined)
    throw wrong(
      'limits.storage is given, and EFS has no size',
      'say in jetstream.max_storage_bytes what may be stored',
    );
  const held = jetstream.max_memory_bytes ?? 0;
  const isDefault = limits.cpu === undefined && limits.memory === undefined;
  if (isDefault && held <= (DEFAULT_MEMORY_MIB * MiB) / 2) return {};
  if (limits.cpu === undefined || limits.memory === undefined)
    throw wrong(
      'Fargate has sizes of CPU and memory together',
      'give limits.cpu and limits.memory, or none of them',
    );
  const cpu = quantityOf('cpu', limits.cpu);
  const thousandths = cpu.endsWith('m') ? Number(cpu.slice(0, -1)) : Number(cpu) * 1_000;
  const memory = bytesOf('memory', limits.memory) / MiB;
  const [least, most] = FARGATE[thousandths] ?? [];
  if (least === undefined || most === undefined)
    throw wrong(`Fargate has no ${cpu} of a CPU`, 'give 250m, 500m, 1, 2 or 4 as limits.cpu');
  if (memory < least || memory > most || (memory % 1_024 !== 0 && memory !== 512))
    throw wrong(
      `Fargate has no ${limits.memory} beside ${cpu} of a CPU`,
      `give whole Gi from ${least}Mi to ${most}Mi as limits.memory`,
    );
  if (held > (memory * MiB) / 2)
    throw wrong(
      'jetstream.max_memory_bytes is more than half of limits.memory',
      'give limits.memory twice of it',
    );
  return { cpu: String((thousandths / 1_000) * 1_024), memory: String(memory) };
}
