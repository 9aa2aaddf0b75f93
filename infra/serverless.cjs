// What serverless.yml cannot say by itself comes from here: `npm run build` has bundled infra/service/service.ts. Plain
// CommonJS, which every version of the framework can load.
const { join } = require('node:path');

const root = join(__dirname, '..');

/** Every parameter of serverless.yml. */
const PARAMS = [
  'prefix',
  'dispatch',
  'network',
  'database',
  'broker',
  'auth',
  'tenants',
  'apiKeyHashes',
  'jwtIssuer',
  'jwtAudience',
  'alarmEmail',
  'logDays',
  'vpcId',
  'vpcCidr',
  'privateSubnetIds',
  'routeTableIds',
  'databaseClass',
  'databaseHost',
  'databaseName',
  'databaseResourceId',
  'databaseSecretArn',
  'databaseIdentifier',
  'proxyHost',
  'proxyResourceId',
  'storageGiB',
  'maxSlotWalMiB',
  'brokerClass',
  'brokerStorageGiB',
  'scramUser',
  'clusterArn',
  'clusterName',
  'partitions',
  'replication',
  'relayImage',
  'collectorImage',
  'relayShards',
  'relayCpu',
  'relayMemory',
  'batchSize',
  'batchWindow',
  'pollersMin',
  'pollersMax',
  'workerMemory',
  'workerTimeout',
  'pollingWorkers',
];

async function describe(resolveVariable) {
  const { describeService } = await load();
  const params = {};
  for (const name of PARAMS) params[name] = await resolveVariable(`param:${name}`);
  try {
    return describeService(params, root);
  } catch (error) {
    // The cause in one line: the framework would print the stack of anything else.
    if (error.name === 'MillraceError') error.stack = error.message;
    throw error;
  }
}

async function load() {
  try {
    return await import('../dist/service/index.js');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error('There is no dist/ to package. Run: npm run build');
  }
}

// Nothing is kept between the calls: the framework asks again when a parameter was not resolved yet, and once for each part.
const part =
  (name) =>
  async ({ resolveVariable }) =>
    (await describe(resolveVariable))[name];

module.exports = {
  functions: part('functions'),
  authorizers: part('authorizers'),
  resources: part('resources'),
};
