/** A new service, file by file. `name` names its package and its stack. */
export function serviceFiles(
  name: string,
  versions: { readonly sdk: string },
): Readonly<Record<string, string>> {
  return {
    'package.json': `${JSON.stringify(manifest(name, versions.sdk), null, 2)}\n`,
    'millrace.config.ts': CONFIG,
    'worker.ts': WORKER,
    'millrace.test.ts': TEST,
    'serverless.yml': serverless(name),
    'tsconfig.json': TSCONFIG,
    '.gitignore': 'node_modules/\ndist/\n.serverless/\n.millrace/\n',
    'README.md': readme(name),
  };
}

function manifest(name: string, sdk: string): object {
  return {
    name,
    private: true,
    type: 'module',
    engines: { node: '>=22.18' },
    scripts: {
      test: 'node --test',
      build:
        'esbuild worker.ts --bundle --minify --platform=node --format=esm --target=node22 --outfile=dist/worker.mjs',
      package: 'npm run build && osls package',
      deploy: 'npm run build && osls deploy',
    },
    dependencies: { '@millrace/sdk': `^${sdk}` },
    devDependencies: { esbuild: '^0.28.2', osls: '^4.3.1', typescript: '^7.0.2' },
  };
}

const CONFIG = `import { defineConfig, defineJob, defineWorkflow, type JobContext } from '@millrace/sdk';

interface Greeting {
  readonly name: string;
}

/** May run more than once for one job, so what it does must be idempotent: \`job.id\` is the same each time. */
export const greet = defineJob(async ({ job, logger }: JobContext<Greeting>) => {
  logger.info('greeting', { name: job.payload.name });
  return { text: \`Hello, \${job.payload.name}!\` };
});

export default defineConfig({
  jobs: { greet },
  workflows: [
    defineWorkflow('welcome')
      .step('first', { job: 'greet', handler: greet, payload: { name: 'Ada' }, retryCount: 3 })
      .add({ id: 'a-day-later', type: 'SLEEP', duration: 'P1D' })
      .step('again', { job: 'greet', handler: greet, payload: { name: 'Ada' }, retryCount: 3 }),
  ],
});
`;

const WORKER = `import { createMskHandler } from '@millrace/sdk';
import config from './millrace.config.ts';

const { WE_API_URL: apiUrl = '', WE_API_KEY: key = '' } = process.env;

/** The Lambda behind the event source mapping of serverless.yml. */
export const handler = createMskHandler({
  handlers: config.jobs,
  apiUrl,
  headers: { authorization: \`Bearer \${key}\` },
});
`;

const TEST = `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestService } from '@millrace/sdk/testing';
import config from './millrace.config.ts';

test('who is welcomed is greeted at once, and a day later', async () => {
  const service = new TestService(config);
  const id = await service.start('welcome');
  await service.advance('23h');
  assert.equal((await service.workflow(id)).jobs.length, 1);
  await service.advance('1h');
  assert.equal((await service.workflow(id)).status, 'completed');
});
`;

const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2024",
    "lib": ["es2024"],
    "module": "nodenext",
    "strict": true,
    "noEmit": true,
    "allowImportingTsExtensions": true,
    "erasableSyntaxOnly": true,
    "verbatimModuleSyntax": true
  }
}
`;

function serverless(name: string): string {
  return `# The worker of this service on AWS. npm run package makes it, without credentials; npm run deploy deploys it.
service: ${name}
frameworkVersion: ">=4.0.0"
configValidationMode: error

params:
  default:
    # Of the installation of Millrace: its API, a key of \`millrace keys create ${name} --scope work\`, its MSK cluster.
    apiUrl: https://example.execute-api.eu-west-1.amazonaws.com
    apiKey: \${env:WE_API_KEY, 'set-me'}
    clusterArn: arn:aws:kafka:eu-west-1:123456789012:cluster/millrace/00000000-0000-0000-0000-000000000000-1

provider:
  name: aws
  region: eu-west-1
  runtime: nodejs22.x
  architecture: arm64
  versionFunctions: false
  environment:
    WE_API_URL: \${param:apiUrl}
    WE_API_KEY: \${param:apiKey}
  iam:
    role:
      statements:
        - Effect: Allow
          Action:
            - kafka:DescribeClusterV2
            - kafka:GetBootstrapBrokers
            - kafka-cluster:Connect
            - kafka-cluster:DescribeGroup
            - kafka-cluster:AlterGroup
            - kafka-cluster:DescribeTopic
            - kafka-cluster:ReadData
            - kafka-cluster:DescribeClusterDynamicConfiguration
            - ec2:CreateNetworkInterface
            - ec2:DescribeNetworkInterfaces
            - ec2:DescribeVpcs
            - ec2:DeleteNetworkInterface
            - ec2:DescribeSubnets
            - ec2:DescribeSecurityGroups
          Resource: "*"

package:
  patterns: ["!**", dist/worker.mjs]

functions:
  worker:
    handler: dist/worker.handler
    timeout: 60
    memorySize: 512

resources:
  Resources:
    # One a step: a topic and a consumer group of its own.
    GreetSource:
      Type: AWS::Lambda::EventSourceMapping
      Properties:
        FunctionName: { Fn::GetAtt: [WorkerLambdaFunction, Arn] }
        EventSourceArn: \${param:clusterArn}
        Topics: [workflow.jobs.greet]
        AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: workflow.workers.greet }
        StartingPosition: TRIM_HORIZON
        BatchSize: 100
        # Without it one record that must come again brings its whole batch again.
        FunctionResponseTypes: [ReportBatchItemFailures]
`;
}

function readme(name: string): string {
  return `# ${name}

\`millrace.config.ts\` describes the jobs and workflows, \`worker.ts\` runs them in Lambda, \`millrace.test.ts\` tests them in memory.

    npm install
    npm test
    npm run package

On one's own machine, in this directory: \`npx millrace start\`, then \`npx millrace jobs enqueue greet '{"name":"Ada"}'\`.
`;
}
