import type { MillraceError } from '../../engine/errors.ts';
import { deployTargets, type PipelineFile } from '../pipelines/schema.ts';
import { type Broker, brokerOf, wrong } from './broker.ts';
import { renderKinesis } from './kinesis.ts';
import type { Manifest } from './manifest.ts';
import { renderMsk } from './msk.ts';
import { renderEcs } from './nats-ecs.ts';
import { renderEks, renderStatefulSet } from './nats-kubernetes.ts';
import { renderStrimzi } from './strimzi.ts';

export interface Rendered {
  /** Of the file it is written to. */
  readonly name: string;
  readonly target: string;
  readonly text: string;
}

export interface RenderOptions {
  /** Where the file has several. */
  readonly broker?: string | undefined;
  /** Instead of the broker's own `deploy_target`. */
  readonly target?: string | undefined;
}

/**
 * What is deployed for a broker of a pipeline file: the files of `infra/`, with the values of its module.
 * @throws MillraceError `configuration`, in one line, for what cannot be deployed so
 */
export function renderInfra(file: PipelineFile, { broker: named, target: asked }: RenderOptions): Rendered {
  const broker = brokerOf(file, named);
  const target = asked ?? ('deploy_target' in broker.config ? broker.config.deploy_target : undefined);
  const text = `# Rendered by millrace infra render from the broker ${broker.name}, for ${target}.\n${manifestOf(broker, target)}`;
  return { name: `${broker.name}.${target}.yml`, target: target ?? '', text };
}

function manifestOf({ config, ...broker }: Broker, target: string | undefined): Manifest {
  switch (config.provider) {
    case 'nats':
      return ofNats({ ...broker, config }, target);
    case 'kafka':
      return ofKafka({ ...broker, config }, target);
    case 'kinesis':
      if (target === 'aws.kinesis') return renderKinesis({ ...broker, config });
      throw notOf(config.provider, target);
    case 'pgchannel':
    case 'memory':
      throw wrong(
        `${config.provider} has no servers of its own`,
        'there is nothing to render: docs/deploy.md deploys PostgreSQL',
      );
    default:
      return config satisfies never;
  }
}

function ofNats(broker: Broker<'nats'>, target: string | undefined): Manifest {
  switch (target) {
    case 'kubernetes.statefulset':
      return renderStatefulSet(broker);
    case 'aws.eks':
      return renderEks(broker);
    case 'aws.ecs':
      return renderEcs(broker);
    case 'digitalocean.app_platform':
      throw wrong(
        'App Platform has no disk that outlives a container, and JetStream would lose what it holds',
        'take kubernetes.statefulset on DigitalOcean Kubernetes',
      );
    default:
      throw notOf('nats', target);
  }
}

function ofKafka(broker: Broker<'kafka'>, target: string | undefined): Manifest {
  switch (target) {
    case 'kubernetes.strimzi':
      return renderStrimzi(broker);
    case 'aws.msk':
      return renderMsk(broker);
    case 'digitalocean.managed_kafka':
      throw wrong(
        'DigitalOcean makes the cluster itself, and takes no manifest',
        'run doctl databases create, and give its address as kafka.bootstrap_servers',
      );
    default:
      throw notOf('kafka', target);
  }
}

function notOf(provider: keyof typeof deployTargets, target: string | undefined): MillraceError {
  const targets = deployTargets[provider].filter((one) => !one.startsWith('digitalocean.')).join(', ');
  return target === undefined
    ? wrong('No deploy_target is given', `give --target, or deploy_target in the file: one of ${targets}`)
    : wrong(`${provider} is not deployed to ${target}`, `give one of ${targets}`);
}
