import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createApiClient } from '../../sdk/worker/api-client.ts';
import { type AwsReference, readAwsReference } from './setup/aws-reference.ts';
import { type Deployed, deployed, ofType } from './setup/deployed.ts';
import { rightsAsked } from './setup/observe.ts';
import { type Resource, variants } from './setup/package.ts';
import { statementsOf } from './setup/policy.ts';
import { hold, type Right } from './setup/rights.ts';
import { ROOT } from './setup/tools.ts';

let reference: AwsReference;
beforeAll(async () => {
  reference = await readAwsReference();
});

/** One with a relay, and one that polls: between them they have each function that there is. */
const every = [variants[0], variants.find(({ params }) => params['dispatch'] === 'polling')].map(
  (variant) => {
    if (!variant) throw new Error('there is no such variant');
    return deployed(variant);
  },
);
const functionsOf = (resources: Deployed) => ofType(resources, 'AWS::Lambda::Function');

function roleOf(resources: Deployed, functionName: string): Resource {
  const reference = JSON.stringify(resources[functionName]?.Properties['Role']);
  const role = resources[/"Fn::GetAtt":\["(\w+)"/.exec(reference)?.[1] ?? ''];
  if (!role) throw new Error(`${functionName} has no role of its own: ${reference}`);
  return role;
}

/** Of AWS's own policies: what Lambda does in the name of a function, and this template does not need. */
const NEEDLESS = [
  // The log group is made by the template, with its retention.
  'logs:CreateLogGroup',
  // Of an SDK that asks which requests to trace; Lambda decides that itself.
  /^xray:GetSampling/,
  // "You only need one of either": docs.aws.amazon.com/lambda/latest/dg/with-msk-permissions.html
  'kafka:DescribeCluster',
];
/** docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html */
const OF_DESTINATION: Readonly<Record<string, string>> = { 'AWS::SQS::Queue': 'sqs:SendMessage' };

/** What Lambda itself needs, by what AWS's managed policies have for a function that is where this is and has its source. */
function neededByLambda(resources: Deployed, name: string): Right[] {
  const {
    AWSLambdaBasicExecutionRole,
    AWSXRayDaemonWriteAccess,
    AWSLambdaMSKExecutionRole,
    AWSLambdaVPCAccessExecutionRole,
  } = reference.policies;
  const source = ofType(resources, 'AWS::Lambda::EventSourceMapping').find(([, mapping]) =>
    JSON.stringify(mapping.Properties['FunctionName']).includes(`"${name}"`),
  )?.[1];
  const actions = [
    ...AWSLambdaBasicExecutionRole,
    ...AWSXRayDaemonWriteAccess,
    ...('VpcConfig' in (resources[name]?.Properties ?? {}) ? AWSLambdaVPCAccessExecutionRole : []),
    ...(source ? [...AWSLambdaMSKExecutionRole, destinationOf(resources, source)] : []),
  ];
  const isNeedless = (action: string) =>
    NEEDLESS.some((one) => (typeof one === 'string' ? one === action : one.test(action)));
  return actions.filter((action) => !isNeedless(action)).map((action) => ({ action, on: '' }));
}

function destinationOf(resources: Deployed, { Properties }: Resource): string {
  const name =
    /"OnFailure":\{"Destination":\{"Fn::GetAtt":\["(\w+)"/.exec(JSON.stringify(Properties))?.[1] ?? '';
  const type = resources[name]?.Type ?? 'nothing';
  return OF_DESTINATION[type] ?? `a right to send to ${type}`;
}

/** Functions of the same bundle in the same environment ask for the same. */
const asked = new Map<string, Promise<readonly Right[]>>();
function askedBy(resource: Resource): Promise<readonly Right[]> {
  const { Handler, Environment } = resource.Properties;
  const key = JSON.stringify([Handler, Environment]);
  const known = asked.get(key) ?? rightsAsked(resource);
  asked.set(key, known);
  return known;
}

/** What a bundle could ask of AWS by AWS's own clients: the commands in a text that has a client. */
function callsOf(handler: string): string[] {
  const directory = join(ROOT, dirname(handler));
  const texts = globSync('*.js', { cwd: directory }).map((name) =>
    readFileSync(join(directory, name), 'utf8'),
  );
  return texts.flatMap((text) => {
    const clients = new Set([...text.matchAll(/@aws-sdk\/client-([\w-]+)/g)].map(([, name = '']) => name));
    const commands = new Set([...text.matchAll(/\b([A-Z]\w+)Command\b/g)].map(([, name]) => name));
    return [...clients].flatMap((client) =>
      [...commands].map((command) => `${client.replaceAll('-', '')}:${command}`),
    );
  });
}

test('the role of each function allows what it was seen to sign and what Lambda does in its name, and nothing else', async () => {
  expect(every.flatMap(functionsOf).length).toBeGreaterThan(15);
  for (const resources of every) {
    for (const [name, resource] of functionsOf(resources)) {
      const own = await askedBy(resource);
      const { allowed, asked, elsewhere } = hold(roleOf(resources, name), [
        ...own,
        ...neededByLambda(resources, name),
      ]);
      // What the pollers do at the brokers is seen in kafka-rights.infra.test.ts.
      const beside = allowed.filter((action) => !action.startsWith('kafka-cluster:'));
      expect({ name, allowed: beside, elsewhere }).toEqual({ name, allowed: asked, elsewhere: [] });
    }
  }
}, 180_000);

test('what a bundle holds of clients of AWS was seen at work', async () => {
  const calls = functionsOf(every[0] ?? {}).map(
    ([, resource]) => [resource, callsOf(String(resource.Properties['Handler']))] as const,
  );
  expect(calls.flatMap(([, some]) => some)).toEqual(['secretsmanager:GetSecretValue']);
  for (const [resource, some] of calls) {
    const seen = (await askedBy(resource)).map(({ action }) => action);
    expect(some.filter((call) => !seen.includes(call))).toEqual([]);
  }
});

test('no two functions share a role', () => {
  for (const resources of every) {
    const roles = functionsOf(resources).map(([name]) => JSON.stringify(resources[name]?.Properties['Role']));
    expect(new Set(roles).size).toBe(roles.length);
  }
});

describe('a worker', () => {
  const roleOfNoop = () => roleOf(every[0] ?? {}, 'WorkerNoopLambdaFunction');

  test('may call the routes that the worker SDK calls, and no other', async () => {
    const called = new Set<string>();
    const api = createApiClient({
      apiUrl: 'http://api',
      workerId: 'w',
      leaseSeconds: 60,
      fetch: async (url, init) => {
        called.add(`${init?.method}${new URL(String(url)).pathname}`);
        return Response.json({ results: [{ id: 'x', outcome: 'not_found' }], recorded: 1 });
      },
    });
    const id = '0190a000-0000-7000-8000-000000000000';
    const lease = { id, token: id };
    const settled = [
      api.claim([id as never]),
      api.heartbeat([lease as never]),
      api.complete([{ ...lease, result: 'null' } as never]),
      api.fail([{ ...lease, error: { message: 'm' }, retryable: true } as never]),
      api.recordUndecodable([
        { topic: 't', partition: 0, offset: 0n, reason: 'r', key: null, value: null } as never,
      ]),
    ];
    await Promise.allSettled(settled);

    const invoke = statementsOf(roleOfNoop().Properties).find(({ Action }) =>
      [Action].flat().includes('execute-api:Invoke'),
    );
    const allowed = JSON.stringify(invoke?.Resource).matchAll(/\$default\/(\w+\/[\w/.-]+)/g);
    expect([...allowed].map(([, route]) => route).sort()).toEqual([...called].sort());
  });

  test('reads the topic of its step in the group of its step, and no other', () => {
    const text = JSON.stringify(statementsOf(roleOfNoop().Properties));
    const names = [...text.matchAll(/workflow\.(?:jobs|workers)\.[\w*-]+/g)].map(([name]) => name);
    expect(names).toEqual(['workflow.jobs.noop', 'workflow.workers.noop']);
  });
});
