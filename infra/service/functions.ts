import { connectsAs, functionRole, inNetwork, mayRead, type Statement } from './policies.ts';
import { clientEvents, dialectEvents, workerEvents } from './routes.ts';
import type { Settings } from './settings.ts';
import type { Json, JsonObject } from './template.ts';

/** Functions and their roles, but those of the steps. */
export interface Functions {
  readonly functions: Readonly<Record<string, JsonObject>>;
  readonly resources: JsonObject;
}

interface Described {
  readonly bundle: string;
  readonly about: string;
  readonly statements: readonly Statement[];
  readonly network: boolean;
  readonly more: JsonObject;
}

export function functionsOf(settings: Settings): Functions {
  const described = Object.entries(describe(settings)).filter(([, one]) => one !== undefined);
  const functions: Record<string, JsonObject> = {};
  const resources: Record<string, Json> = {};
  for (const [name, one] of described) {
    if (!one) continue;
    const role = `${name.charAt(0).toUpperCase()}${name.slice(1)}Role`;
    const functionName = `${settings.prefix}-${name}`;
    functions[name] = toFunction(one, { functionName, role, settings });
    const placed = one.network ? inNetwork(functionName) : [];
    resources[role] = functionRole(functionName, [...placed, ...one.statements]);
  }
  return { functions, resources };
}

function toFunction(
  { bundle, about, network, more }: Described,
  { functionName, role, settings }: { functionName: string; role: string; settings: Settings },
): JsonObject {
  const { values } = settings;
  const vpc = {
    securityGroupIds: [values['FunctionsSecurityGroupId']],
    subnetIds: values['PrivateSubnetIds'],
  };
  return {
    name: functionName,
    description: about,
    handler: `dist/functions/${bundle}/index.handler`,
    package: { patterns: [`dist/functions/${bundle}/**`] },
    role: { 'Fn::GetAtt': [role, 'Arn'] },
    ...(network ? { vpc } : {}),
    ...more,
  };
}

function describe(settings: Settings): Readonly<Record<string, Described | undefined>> {
  const { values, dispatch, auth } = settings;
  const http = (about: string, events: JsonObject[], more: JsonObject = {}): Described => ({
    bundle: 'http',
    about,
    network: true,
    statements: [connectsAs('millrace_app', values['ProxyResourceId'])],
    more: {
      timeout: 29,
      environment: { ...databaseEnvironment(settings, values['ProxyHost']), ...more },
      events,
      dependsOn: ['Migrations'],
    },
  });
  const asks: JsonObject = auth === 'keys' ? { WE_AUTH: 'keys' } : {};
  return {
    api: http('The HTTP API, for clients', clientEvents(settings), asks),
    workerApi: http('The HTTP API, for workers', workerEvents()),
    rochallor: {
      ...http(
        'The REST API of the Rochallor engine, for its workers and clients',
        dialectEvents(settings),
        asks,
      ),
      bundle: 'rochallor',
    },
    authorizer: auth === 'apiKey' ? authorizer(values) : undefined,
    duties: dispatch === 'polling' ? duties(settings) : undefined,
    migrate: migrate(settings),
  };
}

function authorizer(values: JsonObject): Described {
  return {
    bundle: 'authorizer',
    about: 'Lets requests with a known API key in',
    network: false,
    statements: [],
    more: { timeout: 5, memorySize: 256, environment: { WE_API_KEY_HASHES: values['ApiKeyHashes'] } },
  };
}

/** On the server itself, not through the proxy: the duties are held by a lock of the session. */
function duties(settings: Settings): Described {
  const { values } = settings;
  return {
    bundle: 'duties',
    about: 'Timers, expired leases and retention, where no relay does them',
    network: true,
    statements: [connectsAs('millrace_app', values['DatabaseResourceId'])],
    more: {
      // The next begins before it ends; more than two never overlap.
      timeout: 75,
      events: [{ schedule: { rate: ['rate(1 minute)'] } }],
      environment: {
        ...databaseEnvironment(settings, values['DatabaseHost']),
        WE_POSTGRES_TLS_CA_PATH: RUNTIME_CA,
      },
      dependsOn: ['Migrations'],
    },
  };
}

function migrate({ values, dispatch, tenants }: Settings): Described {
  return {
    bundle: 'migrate',
    about: 'Migrates the database at each deploy',
    network: true,
    statements: [mayRead(values['DatabaseSecretArn'])],
    more: {
      timeout: 900,
      environment: {
        WE_DISPATCH_MODE: dispatch,
        WE_MIGRATE_HOST: values['DatabaseHost'],
        WE_MIGRATE_DATABASE: values['DatabaseName'],
        WE_MIGRATE_SECRET_ARN: values['DatabaseSecretArn'],
        WE_MIGRATE_TENANTS: tenants,
        WE_POSTGRES_TLS_CA_PATH: RUNTIME_CA,
      },
    },
  };
}

/** Lambda's runtime carries the authorities of RDS. The proxy's certificate is of a public one. */
const RUNTIME_CA = '/var/runtime/ca-cert.pem';

function databaseEnvironment({ dispatch, values }: Settings, host: Json): JsonObject {
  const names = { Host: host, Name: values['DatabaseName'] };
  return {
    WE_DISPATCH_MODE: dispatch,
    WE_POSTGRES_DSN: { 'Fn::Sub': [`postgres://millrace_app@\${Host}:5432/\${Name}`, names] },
    WE_POSTGRES_IAM: 'on',
    WE_POSTGRES_PREPARE: 'off',
  };
}
