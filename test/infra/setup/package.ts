import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './tools.ts';

const run = promisify(execFile);

export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
  readonly DependsOn?: string | string[];
  readonly DeletionPolicy?: string;
}

export interface Packaged {
  readonly directory: string;
  readonly templatePath: string;
  readonly resources: Readonly<Record<string, Resource>>;
  ofType(type: string): [string, Resource][];
}

/** A variant of the deployment, by the parameters that make it. */
export interface Variant {
  readonly name: string;
  readonly stage: string;
  readonly params: Readonly<Record<string, string>>;
}

const HASH = 'a'.repeat(64);
const images = {
  relayImage: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/millrace@sha256:1',
  collectorImage: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/otel:v0.43.3',
};
const base = { apiKeyHashes: HASH, ...images };
const cluster = 'arn:aws:kafka:eu-west-1:111122223333:cluster/shared/0a1b2c3d-1111-2222-3333-444455556666-7';

export const variants: readonly Variant[] = [
  { name: 'as it comes, stage dev', stage: 'dev', params: base },
  { name: 'as it comes, stage prod', stage: 'prod', params: { ...base, alarmEmail: 'ops@example.com' } },
  {
    name: 'Aurora, MSK Serverless, tokens',
    stage: 'dev',
    params: {
      ...images,
      database: 'aurora',
      broker: 'serverless',
      auth: 'jwt',
      jwtIssuer: 'https://issuer.example/',
      jwtAudience: 'millrace',
    },
  },
  {
    name: 'all brought along, IAM',
    stage: 'dev',
    params: {
      ...images,
      auth: 'iam',
      network: 'existing',
      database: 'existing',
      broker: 'existing',
      vpcId: 'vpc-0123456789abcdef0',
      privateSubnetIds: 'subnet-0123456789abcdef0,subnet-0123456789abcdef1',
      databaseHost: 'db.abc.eu-west-1.rds.amazonaws.com',
      databaseResourceId: 'db-ABCDEFGHIJKLMNOPQRSTUVWXYZ',
      databaseSecretArn: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf',
      databaseIdentifier: 'db',
      proxyHost: 'proxy.abc.eu-west-1.rds.amazonaws.com',
      proxyResourceId: 'prx-0123456789abcdef0',
      clusterArn: cluster,
      clusterName: 'shared',
    },
  },
  {
    name: 'polling, keys, tenants',
    stage: 'dev',
    params: { ...images, auth: 'keys', tenants: 'on', dispatch: 'polling' },
  },
  { name: 'SCRAM besides', stage: 'dev', params: { ...base, scramUser: 'etl' } },
];

/** In the environment of who packages; nothing of it may get into what is packaged. */
export const CANARY = 'canary-of-who-packages';
const secrets = {
  WE_POSTGRES_DSN: `postgres://ada:${CANARY}@db.internal/millrace`,
  WE_KAFKA_SASL_PASSWORD: CANARY,
  WE_API_KEY: `mrk_${CANARY}`,
  OTEL_EXPORTER_OTLP_HEADERS: `authorization=${CANARY}`,
};

/** Without credentials, and with a home that has none. */
export async function osls(
  arguments_: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const bin = join(ROOT, 'node_modules/.bin');
  const home = await mkdtemp(join(tmpdir(), 'millrace-home-'));
  const env = {
    ...secrets,
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    SLS_TELEMETRY_DISABLED: '1',
    ...more,
  };
  try {
    const { stdout, stderr } = await run(join(bin, 'osls'), [...arguments_], { cwd: ROOT, env });
    return stdout + stderr;
  } catch (error) {
    if (error instanceof Error && 'stderr' in error && 'stdout' in error) {
      throw new Error(`osls ${arguments_[0]} failed:\n${error.stdout}${error.stderr}`, { cause: error });
    }
    throw error;
  }
}

export async function packageVariant({ stage, params }: Omit<Variant, 'name'>): Promise<Packaged> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-package-'));
  // osls takes no empty ones.
  const present = Object.entries(params).filter(([, value]) => value !== '');
  const given = present.map(([name, value]) => `--param=${name}=${value}`);
  await osls(['package', '--stage', stage, '--package', directory, ...given]);
  const templatePath = join(directory, 'cloudformation-template-update-stack.json');
  const { Resources } = JSON.parse(readFileSync(templatePath, 'utf8')) as {
    Resources: Record<string, Resource>;
  };
  return {
    directory,
    templatePath,
    resources: Resources,
    ofType: (type) => Object.entries(Resources).filter(([, resource]) => resource.Type === type),
  };
}
