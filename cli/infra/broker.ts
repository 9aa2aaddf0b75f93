import { MillraceError } from '../../engine/errors.ts';
import type { BrokerConfig, PipelineFile } from '../pipelines/schema.ts';

type Module = PipelineFile['modules'][number];
export type Config<Provider> = Extract<BrokerConfig, { provider: Provider }>;
export type Stream = Extract<Module, { type: 'eventbus.stream' }>['config'];

/** A broker of a pipeline file, with what is declared on it. */
export interface Broker<Provider = BrokerConfig['provider']> {
  readonly name: string;
  readonly config: Config<Provider>;
  readonly streams: readonly Stream[];
}

/** The broker of this name, or the only one. */
export function brokerOf({ modules }: PipelineFile, name: string | undefined): Broker {
  const brokers = modules.flatMap((module) => (module.type === 'eventbus.broker' ? [module] : []));
  const names = brokers.map((broker) => broker.name).join(', ') || 'none';
  const found = brokers.filter((broker) => name === undefined || broker.name === name);
  const [broker, ...others] = found;
  if (!broker) throw wrong(`There is no broker ${name ?? ''}`.trim(), `the file has: ${names}`);
  if (others.length > 0) throw wrong('The file has several brokers', `give --broker, one of: ${names}`);
  if (!/^[a-z][a-z0-9-]{0,29}[a-z0-9]$/.test(broker.name)) {
    throw wrong(
      `What is deployed cannot be called ${broker.name}`,
      'name the broker in lower-case letters, digits and hyphens, at most 31',
    );
  }
  const streams = modules.flatMap(({ type, config }) =>
    type === 'eventbus.stream' && (config.broker_ref ?? broker.name) === broker.name ? [config] : [],
  );
  return { name: broker.name, config: broker.config, streams };
}

/** Of a cluster that decides by majority. @throws MillraceError for a number that is as weak as the one below it */
export function replicasOf(replicas: number | undefined, otherwise: number): number {
  const count = replicas ?? otherwise;
  if ([1, 3, 5].includes(count)) return count;
  throw wrong(
    `replicas is ${count}`,
    'give 1, 3 or 5: an even number tolerates no more failures than the one below',
  );
}

/** @throws MillraceError where it is none, for instance a variable that is not set */
export function versionOf(version: string | undefined, form: RegExp, example: string): string | undefined {
  if (version === undefined || form.test(version)) return version;
  throw wrong(`version is "${version}"`, `give one such as ${example}; "latest" is another one each day`);
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  ...{ '': 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 },
};

/** A quantity of Kubernetes, such as `500m` of a CPU or `20Gi`. */
export function quantityOf(name: string, text: string): string {
  if (/^[1-9]\d*(\.\d+)?(m|[KMGT]i?)?$/.test(text)) return text;
  throw wrong(`limits.${name} is "${text}"`, 'give a quantity such as 500m, 2 or 20Gi');
}

export function bytesOf(name: string, text: string): number {
  const match = /^([\d.]+)([KMGT]i?)?$/.exec(quantityOf(name, text));
  const unit = UNIT_BYTES[match?.[2] ?? ''];
  if (!match || unit === undefined) throw wrong(`limits.${name} is "${text}"`, 'give a size such as 20Gi');
  return Number(match[1]) * unit;
}

export interface NamedStream extends Stream {
  /** `my-events` for `MY_EVENTS`: what Kubernetes takes for a name. */
  readonly dnsName: string;
  /** `MYEVENTS` for `MY_EVENTS`: what CloudFormation takes for a name. */
  readonly logicalName: string;
}

/** @throws MillraceError where two are told apart by signs alone, of which one would take the other's place */
export function namedApart(streams: readonly Stream[]): NamedStream[] {
  const seen = new Map<string, string>();
  return streams.map((stream) => {
    const { name } = stream;
    const logicalName = name.replaceAll(/[^A-Za-z0-9]/g, '');
    const other = seen.get(logicalName.toLowerCase());
    if (other !== undefined)
      throw wrong(
        `The streams ${other} and ${name} become one name, as signs and capitals are left out`,
        'rename one',
      );
    seen.set(logicalName.toLowerCase(), name);
    const dnsName = name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-|-$/g, '');
    return { ...stream, logicalName, dnsName };
  });
}

/** One line: what is wrong, and what to do about it. */
export function wrong(cause: string, fix: string): MillraceError {
  return new MillraceError('configuration', `${cause}; ${fix}.`);
}
