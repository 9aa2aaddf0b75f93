import { mintKey } from '../../../functions/auth/api-key.ts';
import { CLUSTER_ARN } from '../../helpers/fake-msk.ts';
import { httpEvent } from './events.ts';
import { startLambda } from './lambda.ts';
import type { Resource } from './package.ts';
import type { Right } from './rights.ts';
import { type SignedRequests, startSignedRequests } from './signed-requests.ts';

/** What each bundle is given, so that it does what it needs rights for. */
const EVENTS: Readonly<Record<string, (url: string) => object>> = {
  http: () => withKey(httpEvent('GET', '/api/v1/jobs')),
  rochallor: () => withKey(httpEvent('GET', '/v1/definitions', { routeKey: 'ANY /v1/{proxy+}' })),
  authorizer: () => ({ headers: { authorization: KEY } }),
  duties: () => ({}),
  migrate: (url) => ({
    RequestType: 'Create',
    ResponseURL: `${url}/answer`,
    StackId: 's',
    RequestId: 'r',
    LogicalResourceId: 'Migrations',
    ResourceProperties: {},
  }),
  worker: () => {
    const value = Buffer.from('no dispatch').toString('base64');
    const [topic, times] = ['workflow.jobs.noop', { timestamp: 1, timestampType: 'CREATE_TIME' }];
    const record = { topic, partition: 0, offset: 15, ...times, key: value, value, headers: [] };
    return {
      eventSource: 'aws:kafka',
      eventSourceArn: CLUSTER_ARN,
      bootstrapServers: 'b-1:9098',
      records: { [`${topic}-0`]: [record] },
    };
  },
};

const KEY = `Bearer ${mintKey().key}`;

function withKey(event: ReturnType<typeof httpEvent>): object {
  return { ...event, headers: { ...event.headers, authorization: KEY } };
}

/** What the bundle of a deployed function signs when it has work, in the environment that the template gives it. */
export async function rightsAsked({ Properties }: Resource): Promise<readonly Right[]> {
  const bundle = /dist\/functions\/(\w+)\//.exec(String(Properties['Handler']))?.[1] ?? '';
  const event = EVENTS[bundle];
  if (!event) throw new Error(`Nobody has said what makes the bundle ${bundle} work: add it to EVENTS.`);
  await using seen = await startSignedRequests();
  const { Variables = {} } = (Properties['Environment'] ?? {}) as { Variables?: Record<string, unknown> };
  await using lambda = await startLambda(bundle, resolved(Variables, seen));
  await lambda.invoke(event(seen.url));
  return [...seen.rights];
}

/** The variables of a template, with what CloudFormation puts into them: here the addresses of those who listen. */
export function resolved(
  variables: Readonly<Record<string, unknown>>,
  seen: SignedRequests,
): Record<string, string> {
  const texts = Object.entries(variables).map(([name, value]) => [
    name,
    textOf(value).replace(/[\w.-]+:5432\b/, `localhost:${seen.postgresPort}`),
  ]);
  return {
    ...Object.fromEntries(texts),
    ...('WE_API_URL' in variables ? { WE_API_URL: seen.url } : {}),
    ...('WE_POSTGRES_TLS_CA_PATH' in variables ? { WE_POSTGRES_TLS_CA_PATH: seen.ca } : {}),
    // As the authorities that everybody trusts, of which that of RDS Proxy is one.
    NODE_EXTRA_CA_CERTS: seen.ca,
    AWS_ENDPOINT_URL: seen.url,
    AWS_MAX_ATTEMPTS: '1',
    ...CREDENTIALS,
  };
}

export const CREDENTIALS = {
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_SESSION_TOKEN: 'session',
};

function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const substituted = 'Fn::Sub' in value ? [value['Fn::Sub']].flat()[0] : 'put-in';
  return String(substituted).replaceAll(/\$\{[\w:.]+\}/g, 'putin');
}
