import { type Broker, bytesOf, quantityOf, wrong } from './broker.ts';
import { Manifest, swap } from './manifest.ts';
import { nodesOf, sized, tagOf } from './nats.ts';

const MEMORY_BYTES = 2 ** 30;
const GiB = 2 ** 30;
/** Of a volume, what JetStream may fill: the file system needs the rest. */
const FILLED = 0.9;
const CONF = ['data', 'nats.conf'];
const CONTAINER = ['spec', 'template', 'spec', 'containers', 0];
const STORAGE = ['spec', 'volumeClaimTemplates', 0, 'spec', 'resources', 'requests', 'storage'];

/** `infra/kubernetes/nats.yml` with the values of a broker. */
export function renderStatefulSet(broker: Broker<'nats'>): Manifest {
  const { name, config } = broker;
  const { jetstream = {}, limits = {} } = config;
  const nodes = nodesOf(broker);
  const manifest = Manifest.read('kubernetes/nats.yml');
  manifest.rename(name);
  const conf = manifest.of('ConfigMap');
  conf.set(CONF, clustered(sized(conf.text(CONF), broker), name, nodes));
  const set = manifest.of('StatefulSet');
  set.set(['spec', 'replicas'], nodes);
  const tag = tagOf(broker);
  if (tag !== undefined) set.set([...CONTAINER, 'image'], `nats:${tag}`);
  if (limits.cpu !== undefined)
    set.set([...CONTAINER, 'resources', 'requests', 'cpu'], quantityOf('cpu', limits.cpu));
  const memory = memoryOf(limits.memory, jetstream.max_memory_bytes);
  if (memory !== undefined) {
    set.set([...CONTAINER, 'resources', 'requests', 'memory'], memory);
    set.set([...CONTAINER, 'resources', 'limits', 'memory'], memory);
  }
  const storage = storageOf(limits.storage, jetstream.max_storage_bytes);
  if (storage !== undefined) set.set(STORAGE, storage);
  return manifest;
}

/** The same on volumes of EBS, one in the zone of each node. */
export function renderEks(broker: Broker<'nats'>): Manifest {
  const manifest = renderStatefulSet(broker);
  const name = `${broker.name}-nats`;
  manifest.append({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner: 'ebs.csi.aws.com',
    parameters: { type: 'gp3', encrypted: 'true' },
    reclaimPolicy: 'Retain',
    volumeBindingMode: 'WaitForFirstConsumer',
    allowVolumeExpansion: true,
  });
  manifest.of('StatefulSet').add(['spec', 'volumeClaimTemplates', 0, 'spec', 'storageClassName'], name);
  const matchLabels = {
    'app.kubernetes.io/instance': broker.name,
    'app.kubernetes.io/component': 'nats',
  };
  manifest.of('StatefulSet').add(
    ['spec', 'template', 'spec', 'topologySpreadConstraints'],
    [
      {
        maxSkew: 1,
        topologyKey: 'topology.kubernetes.io/zone',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels },
      },
    ],
  );
  return manifest;
}

function clustered(conf: string, name: string, nodes: number): string {
  // A cluster of one would wait for others.
  if (nodes === 1) return swap(conf, /^cluster \{[^}]*\}\n/m, '');
  const routes = Array.from({ length: nodes }, (_, node) => `nats://${name}-nats-${node}.${name}-nats:6222`);
  const named = swap(conf, /name: millrace\b/, `name: ${name}`);
  return swap(named, /routes: \[[^\]]*\]/, `routes: [${routes.join(', ')}]`);
}

function memoryOf(limit: string | undefined, held: number | undefined): string | undefined {
  const quantity = limit === undefined ? undefined : quantityOf('memory', limit);
  const bytes = limit === undefined ? MEMORY_BYTES : bytesOf('memory', limit);
  if (held === undefined || held <= bytes / 2) return quantity;
  throw wrong(
    `jetstream.max_memory_bytes is more than half of the memory (${limit ?? '1Gi'})`,
    'give limits.memory twice of it',
  );
}

function storageOf(limit: string | undefined, filled: number | undefined): string | undefined {
  const needed = filled === undefined ? 0 : Math.ceil(filled / FILLED / GiB);
  if (limit === undefined) return needed === 0 ? undefined : `${needed}Gi`;
  if (filled === undefined)
    throw wrong(
      'limits.storage is given alone',
      'say in jetstream.max_storage_bytes what may be filled of it',
    );
  if (bytesOf('storage', limit) < filled / FILLED)
    throw wrong(
      `limits.storage is ${limit}`,
      `jetstream.max_storage_bytes needs ${needed}Gi with its file system`,
    );
  return limit;
}
