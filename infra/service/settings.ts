import { MillraceError } from '../../engine/errors.ts';
import type { JsonObject } from './template.ts';

/** What stands under `params` in serverless.yml, all as text. docs/deploy.md explains each. */
export interface Settings {
  readonly prefix: string;
  readonly dispatch: 'kafka_outbox' | 'polling';
  readonly network: 'create' | 'existing';
  readonly database: 'rds' | 'aurora' | 'existing';
  readonly broker: 'provisioned' | 'serverless' | 'existing';
  readonly auth: 'apiKey' | 'keys' | 'jwt' | 'iam';
  readonly tenants: 'off' | 'on';
  /** Everything, by parameter name of the templates: `relayImage` is `RelayImage` there. */
  readonly values: JsonObject;
}

const CHOICES = {
  dispatch: ['kafka_outbox', 'polling'],
  network: ['create', 'existing'],
  database: ['rds', 'aurora', 'existing'],
  broker: ['provisioned', 'serverless', 'existing'],
  auth: ['apiKey', 'keys', 'jwt', 'iam'],
  tenants: ['off', 'on'],
} as const;

const NEEDED = { apiKey: ['apiKeyHashes'], keys: [], jwt: ['jwtIssuer', 'jwtAudience'], iam: [] } as const;

/** @throws MillraceError `configuration` naming the parameter: before anything is packaged, so before anything changes */
export function readSettings(given: Readonly<Record<string, unknown>>): Settings {
  const params: Readonly<Record<string, unknown>> = { tenants: 'off', ...given };
  const text = (name: string) => String(params[name] ?? '');
  for (const [name, choices] of Object.entries(CHOICES)) {
    if (!choices.some((choice) => choice === text(name))) {
      throw wrong(name, `it is "${text(name)}"; give one of ${choices.join(', ')}`);
    }
  }
  const settings = { ...params, prefix: text('prefix') } as unknown as Omit<Settings, 'values'>;
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(settings.prefix)) {
    throw wrong(
      'prefix',
      `it is "${settings.prefix}"; give lower-case letters, digits and hyphens, at most 31`,
    );
  }
  for (const name of NEEDED[settings.auth]) {
    if (text(name) === '') throw wrong(name, `it is not given, and auth=${settings.auth} needs it`);
  }
  if (settings.tenants === 'on' && settings.auth !== 'keys') {
    throw wrong(
      'tenants',
      `it is on, and with auth=${settings.auth} every caller is the operator; give auth=keys`,
    );
  }
  requireArns(settings, text);
  const values = Object.fromEntries(
    Object.entries(params).map(([name, value]) => [
      name.charAt(0).toUpperCase() + name.slice(1),
      String(value ?? ''),
    ]),
  );
  return { ...settings, values: { ...values, DatabaseKind: settings.database, BrokerKind: settings.broker } };
}

/** An ARN of something else would be refused by AWS in the midst of a deploy. One that is not given is named with all that are not. */
function requireArns(
  { broker, database, dispatch }: Omit<Settings, 'values'>,
  text: (name: string) => string,
): void {
  if (broker === 'existing' && dispatch === 'kafka_outbox') {
    requireArn('clusterArn', text('clusterArn'), CLUSTER);
  }
  if (database === 'existing') requireArn('databaseSecretArn', text('databaseSecretArn'), SECRET);
}

const CLUSTER = {
  form: /^arn:aws[a-z-]*:kafka:[a-z0-9-]+:\d{12}:cluster\/[^/]+\/[^/]+$/,
  what: 'an MSK cluster, arn:aws:kafka:<region>:<account>:cluster/<name>/<id>',
};
const SECRET = {
  form: /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[^:]+$/,
  what: 'a secret, arn:aws:secretsmanager:<region>:<account>:secret:<name>-<id>',
};

function requireArn(name: string, arn: string, { form, what }: typeof CLUSTER): void {
  if (arn !== '' && !form.test(arn)) throw wrong(name, `"${arn}" is not the ARN of ${what}`);
}

function wrong(name: string, what: string): MillraceError {
  return new MillraceError(
    'configuration',
    `The parameter ${name} is wrong: ${what}. Set it under params in serverless.yml, or pass --param="${name}=…".`,
    { detail: { parameter: name } },
  );
}
