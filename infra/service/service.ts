import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isStepId } from '../../events/ids.ts';
import config from '../../millrace.config.ts';
import { functionsOf } from './functions.ts';
import { link } from './link.ts';
import { authorizers } from './routes.ts';
import { readSettings, type Settings } from './settings.ts';
import { type Json, type JsonObject, readTemplate } from './template.ts';
import { workersOf } from './workers.ts';

/** What serverless.yml takes from here: `${file(infra/serverless.cjs):functions}` and so on. */
export interface Service {
  readonly functions: JsonObject;
  readonly authorizers: JsonObject;
  readonly resources: JsonObject;
}

/**
 * The functions and resources of the service, from its routes, its steps and the parameters of the stage.
 * @param root the root of the repository
 * @throws MillraceError `configuration` naming the parameter that is missing or wrong
 */
export function describeService(params: Readonly<Record<string, unknown>>, root: string): Service {
  const asked = readSettings(params);
  const templates = templatesOf(asked).map((name) =>
    readTemplate(join(root, `infra/cloudformation/${name}.yml`)),
  );
  // The queue is made with the workers, whose template the steps are.
  const WorkerFailuresName = { 'Fn::GetAtt': ['WorkerFailures', 'QueueName'] };
  // The API is made by the framework, from the events of the functions.
  const ApiId = { Ref: 'HttpApi' };
  const { Resources, values } = link(templates, { ...asked.values, WorkerFailuresName, ApiId });
  const settings: Settings = {
    ...asked,
    values: { ...values, PrivateSubnetIds: listOf(values['PrivateSubnetIds']) },
  };
  const own = functionsOf(settings);
  const steps = Object.keys(config.jobs).filter((name) => isStepId(name));
  const workers = asked.dispatch === 'polling' ? NONE : workersOf(steps, settings);
  const all: Record<string, Json> = { ...Resources, ...own.resources, ...workers.resources };
  all['Migrations'] = migrations(root, { steps, dispatch: asked.dispatch, tenants: asked.tenants });
  const relay = all['RelayService'];
  if (isResource(relay)) all['RelayService'] = { ...relay, DependsOn: beforeRelay(workers.resources) };
  return {
    functions: { ...own.functions, ...workers.functions },
    authorizers: authorizers(settings),
    resources: { Metadata: METADATA, Resources: all },
  };
}

const NONE = { functions: {}, resources: {} };

/** osls makes each route depend on its integration, which it refers to anyway: needless, and harmless. */
const METADATA = { 'cfn-lint': { config: { ignore_checks: ['W3005'] } } };

function templatesOf({ network, database, broker, dispatch }: Settings): string[] {
  const relayed = dispatch === 'kafka_outbox';
  return [
    ...(network === 'create' ? ['network'] : []),
    'security-groups',
    ...(network === 'create' ? ['endpoints'] : []),
    ...(database === 'existing' ? [] : [`database-${database}`]),
    ...(relayed && broker !== 'existing' ? [`broker-${broker}`] : []),
    ...(relayed ? ['relay', 'alarms', 'alarms-relay'] : ['polling-workers', 'alarms', 'alarms-polling']),
  ];
}

interface Migrated extends Pick<Settings, 'dispatch' | 'tenants'> {
  readonly steps: readonly string[];
}

/** Runs again whenever there is another migration, step or mode, or tenants are switched on. */
function migrations(root: string, about: Migrated): JsonObject {
  const hash = createHash('sha256').update(JSON.stringify(about));
  const directory = join(root, 'migrations');
  const files = readdirSync(directory).filter((file) => file.endsWith('.sql'));
  for (const file of files.sort()) hash.update(readFileSync(join(directory, file)));
  return {
    Type: 'Custom::MillraceMigrations',
    Properties: {
      ServiceToken: { 'Fn::GetAtt': ['MigrateLambdaFunction', 'Arn'] },
      Version: hash.digest('hex').slice(0, 16),
    },
  };
}

/** A relay that finds no table or no topic ends with an error, and ECS would take the deployment back. */
function beforeRelay(resources: JsonObject): string[] {
  return ['Migrations', ...Object.keys(resources).filter((name) => name.startsWith('Topic'))];
}

function listOf(value: Json): Json {
  if (typeof value === 'string') return value.split(',');
  return isResource(value) && Array.isArray(value['Fn::Join']) ? value['Fn::Join'][1] : value;
}

function isResource(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
