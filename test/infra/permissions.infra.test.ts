import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createApiClient } from '../../sdk/worker/api-client.ts';
import { type Packaged, packageVariant, type Resource, variants } from './setup/package.ts';
import { statementsOf } from './setup/policy.ts';
import { ROOT } from './setup/tools.ts';

let packaged: Packaged;
beforeAll(async () => {
  const [first] = variants;
  if (!first) throw new Error('there are no variants');
  packaged = await packageVariant(first);
});

/** What every function may: its own log, and traces. */
const ALWAYS = [
  'logs:CreateLogStream',
  'logs:PutLogEvents',
  'xray:PutTelemetryRecords',
  'xray:PutTraceSegments',
];
/** What Lambda does in its name to put it, or the pollers of its source, into the network. */
const ofNetwork = (action: string) => action.startsWith('ec2:');

function roleOf(functionName: string): Resource {
  const reference = JSON.stringify(packaged.resources[functionName]?.Properties['Role']);
  const role = packaged.resources[/"Fn::GetAtt":\["(\w+)"/.exec(reference)?.[1] ?? ''];
  if (!role) throw new Error(`${functionName} has no role of its own: ${reference}`);
  return role;
}

function actionsOf(role: Resource): string[] {
  return statementsOf(role.Properties)
    .flatMap(({ Action }) => Action)
    .sort();
}

/** What a function does, as its environment tells: by what it logs in, which secret it reads, whom it asks. */
function neededBy(name: string, { Properties }: Resource): string[] {
  const { Variables = {} } = (Properties['Environment'] ?? {}) as { Variables?: Record<string, unknown> };
  const source = packaged
    .ofType('AWS::Lambda::EventSourceMapping')
    .some(([, mapping]) => JSON.stringify(mapping.Properties['FunctionName']).includes(`"${name}"`));
  return [
    ...ALWAYS,
    ...('WE_POSTGRES_IAM' in Variables ? ['rds-db:connect'] : []),
    ...('WE_API_AUTH' in Variables ? ['execute-api:Invoke'] : []),
    ...(source ? OF_SOURCE : []),
    ...callsOf(String(Properties['Handler'])),
  ].sort();
}

const CLIENTS: Readonly<Record<string, string>> = { '@aws-sdk/client-secrets-manager': 'secretsmanager' };

/** What the bundle of a function asks of AWS by AWS's own clients: the commands in a text that has a client. */
function callsOf(handler: string): string[] {
  const directory = join(ROOT, dirname(handler));
  const texts = globSync('*.js', { cwd: directory }).map((name) =>
    readFileSync(join(directory, name), 'utf8'),
  );
  return texts.flatMap((text) => {
    const clients = new Set(text.match(/@aws-sdk\/client-[\w-]+/g));
    const commands = new Set([...text.matchAll(/\b([A-Z]\w+)Command\b/g)].map(([, name]) => name));
    // A client that is not in the table is one whose rights nobody has thought about: it shows as itself.
    return [...clients].flatMap((client) =>
      [...commands].map((command) => `${CLIENTS[client] ?? client}:${command}`),
    );
  });
}

/** docs.aws.amazon.com/lambda/latest/dg/with-msk-permissions.html, and the queue for what was tried in vain. */
const OF_SOURCE = [
  'kafka-cluster:AlterGroup',
  'kafka-cluster:Connect',
  'kafka-cluster:DescribeClusterDynamicConfiguration',
  'kafka-cluster:DescribeGroup',
  'kafka-cluster:DescribeTopic',
  'kafka-cluster:ReadData',
  'kafka:DescribeClusterV2',
  'kafka:GetBootstrapBrokers',
  'sqs:SendMessage',
];

test('the role of each function allows what it does, and nothing else', () => {
  const functions = packaged.ofType('AWS::Lambda::Function');
  expect(functions.length).toBeGreaterThan(10);
  for (const [name, resource] of functions) {
    const allowed = actionsOf(roleOf(name)).filter((action) => !ofNetwork(action));
    expect({ name, allowed }).toEqual({ name, allowed: neededBy(name, resource) });
  }
});

test('no two functions share a role', () => {
  const roles = packaged
    .ofType('AWS::Lambda::Function')
    .map(([name]) => JSON.stringify(packaged.resources[name]?.Properties['Role']));
  expect(new Set(roles).size).toBe(roles.length);
});

describe('a worker', () => {
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

    const invoke = statementsOf(roleOf('WorkerNoopLambdaFunction').Properties).find(({ Action }) =>
      [Action].flat().includes('execute-api:Invoke'),
    );
    const allowed = JSON.stringify(invoke?.Resource).matchAll(/\$default\/(\w+\/[\w/.-]+)/g);
    expect([...allowed].map(([, route]) => route).sort()).toEqual([...called].sort());
  });

  test('reads the topic of its step in the group of its step, and no other', () => {
    const text = JSON.stringify(statementsOf(roleOf('WorkerNoopLambdaFunction').Properties));
    const names = [...text.matchAll(/workflow\.(?:jobs|workers)\.[\w*-]+/g)].map(([name]) => name);
    expect(names).toEqual(['workflow.jobs.noop', 'workflow.workers.noop']);
  });
});

test('the relay logs in as itself, writes and reads the topics of jobs, and may do nothing to the cluster', () => {
  const role = packaged.resources['RelayRole'];
  expect(role && actionsOf(role)).toEqual([
    'kafka-cluster:Connect',
    'kafka-cluster:DescribeGroup',
    'kafka-cluster:DescribeTopic',
    'kafka-cluster:ReadData',
    'kafka-cluster:WriteData',
    'kafka-cluster:WriteDataIdempotently',
    'kafka:GetBootstrapBrokers',
    'logs:CreateLogStream',
    'logs:DescribeLogStreams',
    'logs:PutLogEvents',
    'rds-db:connect',
  ]);
});
