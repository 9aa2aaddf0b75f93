import { retentionHours } from '../../adapters/kinesis/retention.ts';
import { logNameOf } from '../../engine/log-bus/log-name.ts';
import { type Broker, namedApart, wrong } from './broker.ts';
import { Manifest } from './manifest.ts';

const ONE = ['Resources', 'Stream'];

/** `infra/cloudformation/stream-kinesis.yml` with a stream of Kinesis for each that is declared. */
export function renderKinesis({ name, config, streams }: Broker<'kinesis'>): Manifest {
  if (config.version !== undefined || config.replicas !== undefined || config.limits !== undefined)
    throw wrong(
      'Kinesis has no version, replicas or limits',
      'leave them out; kinesis.shard_count is its size',
    );
  if (streams.length === 0)
    throw wrong(
      `No stream is declared on ${name}`,
      'add an eventbus.stream: it is all that Kinesis consists of',
    );
  const manifest = Manifest.read('cloudformation/stream-kinesis.yml');
  const template = manifest.of();
  const one = template.take(ONE);
  template.take(['Parameters']);
  for (const { name: stream, logicalName, max_age = 0 } of namedApart(streams)) {
    const at = ['Resources', `Stream${logicalName}`];
    template.add(at, one());
    template.set([...at, 'Properties', 'Name'], logNameOf(stream));
    template.set([...at, 'Properties', 'ShardCount'], config.kinesis.shard_count ?? 1);
    template.set([...at, 'Properties', 'RetentionPeriodHours'], retentionHours(max_age));
  }
  return manifest;
}
