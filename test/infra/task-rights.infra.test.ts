import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { startPostgres } from '../../cli/dev/backends/postgres.ts';
import { runMigrations } from '../../functions/migrate/run.ts';
import { readTemplate } from '../../infra/service/template.ts';
import { type AwsReference, readAwsReference } from './setup/aws-reference.ts';
import { enqueueInCold } from './setup/cold-containers.ts';
import { type Deployed, deployed, ofType } from './setup/deployed.ts';
import { resolved, rightsAsked } from './setup/observe.ts';
import { type Resource, variants } from './setup/package.ts';
import { startPackaged } from './setup/packaged-process.ts';
import { statementsOf } from './setup/policy.ts';
import { hold, ofCollector } from './setup/rights.ts';
import { startSignedRequests } from './setup/signed-requests.ts';
import { namedIn, taskOf } from './setup/tasks.ts';
import { ROOT } from './setup/tools.ts';

let reference: AwsReference;
beforeAll(async () => {
  reference = await readAwsReference();
});

/** Beside the stacks of the variants one that is deployed alone. */
const nats = readTemplate(join(ROOT, 'infra/cloudformation/nats.yml')).Resources as object as Deployed;
const stacks: readonly Deployed[] = [...variants.map(deployed), nats];
const polling = variants.find(({ params }) => params['dispatch'] === 'polling');

function resourceOf(resources: Deployed, name: string): Resource {
  const resource = resources[name];
  if (!resource) throw new Error(`Nothing of the name ${name} is deployed.`);
  return resource;
}

test('a worker that polls asks AWS for what its role allows, and for nothing else', async () => {
  await using seen = await startSignedRequests();
  const resources = polling ? deployed(polling) : {};
  const { command, environment, role } = taskOf(resourceOf(resources, 'WorkerTask'));
  const inTask = { ...resolved(environment, seen), WE_METRICS_PORT: '0' };
  {
    await using worker = startPackaged(command, inTask);
    await worker.until(() => seen.rights.length > 0, 'it logs in to the database');
  }
  await using database = await startDatabase();
  const env = {
    ...inTask,
    WE_POSTGRES_DSN: database.appDsn,
    WE_POSTGRES_IAM: 'off',
    WE_POSTGRES_TLS_CA_PATH: '',
  };
  const asPolling = { WE_DISPATCH_MODE: 'polling', WE_POSTGRES_DSN: database.appDsn };
  expect(await enqueueInCold(1, asPolling)).toEqual([201]);
  {
    await using worker = startPackaged(command, env);
    await worker.until(database.isWorkDone, 'it runs the job, and leads what is done by one of the workers');
  }
  const held = hold(resourceOf(resources, role), [...seen.rights, ...ofCollector]);
  expect(held).toEqual({ allowed: held.asked, asked: held.asked, elsewhere: [] });
}, 120_000);

/** As the migrations of a deploy leave it, with a password for who logs in by IAM elsewhere. */
async function startDatabase() {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-task-'));
  const server = await startPostgres({ dataDir: join(directory, 'data') });
  const owner = new URL(server.adminDsn);
  owner.pathname = '/workflow';
  const config = { mode: 'polling', appRole: 'millrace_app', relayRole: 'millrace_relay' } as const;
  await runMigrations({ dsn: owner.href }, config, { types: [] });
  const admin = new pg.Client({ connectionString: owner.href });
  await admin.connect();
  await admin.query(`alter role millrace_app password 'app'`);
  const appDsn = server.dsn.replace('workflow:workflow', 'millrace_app:app');
  return {
    appDsn,
    isWorkDone: async () =>
      (await admin.query(`select from jobs, role_terms where jobs.status = 'completed'`)).rowCount !== 0,
    [Symbol.asyncDispose]: async () => {
      await admin.end();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const tasks = stacks.flatMap((resources) =>
  ofType(resources, 'AWS::ECS::TaskDefinition').map(([name, task]) => ({ resources, name, ...taskOf(task) })),
);

test('what starts a task may fetch its image, write its logs and read the secrets it puts in, and nothing else', () => {
  expect(new Set(tasks.map(({ name }) => name))).toEqual(new Set(['RelayTask', 'WorkerTask', 'Task0']));
  for (const { resources, name, executionRole, logs, secrets } of tasks) {
    const role = resourceOf(resources, executionRole);
    const keys = secrets.map((secret) => namedIn(resourceOf(resources, secret).Properties['KmsKeyId']));
    const actions = [
      ...reference.policies.AmazonECSTaskExecutionRolePolicy,
      ...secrets.map(() => 'secretsmanager:GetSecretValue'),
      ...keys.map(() => 'kms:Decrypt'),
    ];
    const held = hold(
      role,
      actions.map((action) => ({ action, on: '' })),
    );
    const named = statementsOf(role.Properties)
      .flatMap(({ Resource: on }) => [on].flat().map(namedIn))
      .filter((one) => !one.startsWith('AWS') && one !== '');
    expect({ name, allowed: held.allowed }).toEqual({ name, allowed: held.asked });
    expect({ name, named: new Set(named) }).toEqual({ name, named: new Set([...logs, ...secrets, ...keys]) });
  }
});

test('a task that mounts files by its role may do what the client of EFS does, and nothing else', () => {
  const mounting = tasks.filter(({ mounts }) => mounts);
  expect(mounting.map(({ name }) => name)).toEqual(['Task0']);
  for (const { resources, role } of mounting) {
    const { allowed, asked } = hold(
      resourceOf(resources, role),
      reference.policies.AmazonElasticFileSystemClientReadWriteAccess
        // For where the name of the files is not known to the network: here it is.
        .filter((action) => action !== 'elasticfilesystem:DescribeMountTargets')
        .map((action) => ({ action, on: '' })),
    );
    expect(allowed).toEqual(asked);
  }
});

test('the proxy logs in to the database as whom the functions sign for, and does nothing else', async () => {
  const signed = await rightsAsked(resourceOf(stacks[0] ?? {}, 'ApiLambdaFunction'));
  for (const resources of stacks.filter((one) => 'ProxyRole' in one)) {
    const held = hold(resourceOf(resources, 'ProxyRole'), signed);
    expect(held).toEqual({ allowed: ['rds-db:connect'], asked: ['rds-db:connect'], elsewhere: [] });
  }
});

test('no role is left that nothing is held against but those of services of AWS that run none of our code', () => {
  const left = stacks.flatMap((resources) => {
    const held = [
      ...ofType(resources, 'AWS::Lambda::Function').map(([, { Properties }]) => namedIn(Properties['Role'])),
      ...tasks
        .filter((task) => task.resources === resources)
        .flatMap((task) => [task.role, task.executionRole]),
      'ProxyRole',
    ];
    return ofType(resources, 'AWS::IAM::Role').filter(([name]) => !held.includes(name));
  });
  // The one has AWS's own policy; what the other needs AWS has written down without a policy of its own:
  // docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
  expect(new Set(left.map(([name]) => name))).toEqual(new Set(['MonitoringRole', 'FlowLogRole']));
});
