import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = resolve(import.meta.dirname, '../../..');
const HOME = join(ROOT, '.millrace');
const run = promisify(execFile);

/** Exact, so that a check that passed passes again. */
const VERSIONS = {
  'cfn-lint': '1.58.0',
  'kubernetes-validate': '1.37.0',
  checkov: '3.3.30',
  'compose-spec': '0.2.1',
  moto: '5.2.5',
  'aws-sam-cli': '1.170.0',
  'aws-lambda-ric': '4.0.2',
  'serverless-offline': '14.8.2',
} as const;

const VENV = join(HOME, 'infra-venv');
export const python = join(VENV, 'bin/python');
export const cfnLint = join(VENV, 'bin/cfn-lint');
export const checkov = join(VENV, 'bin/checkov');
export const kubernetesValidate = join(VENV, 'bin/kubernetes-validate');
export const motoServer = join(VENV, 'bin/moto_server');
const RUNTIME = join(HOME, 'lambda-runtime');
export const emulator = join(
  RUNTIME,
  `samcli/local/rapid/aws-lambda-rie-${process.arch === 'arm64' ? 'arm64' : 'x86_64'}`,
);
export const runtimeClient = join(RUNTIME, 'node_modules/aws-lambda-ric/index.mjs');

/** The framework and its plugin, beside each other as the plugin wants it. */
export const OFFLINE = join(HOME, 'serverless-offline');

let under: Promise<void> | undefined;

/** Safe to call twice. */
export function ready(): Promise<void> {
  under ??= install();
  return under;
}

/** Only one file of tests needs it. */
export async function offlineReady(): Promise<void> {
  await mkdir(OFFLINE, { recursive: true });
  await once(join(OFFLINE, 'node_modules/serverless-offline/package.json'), installOffline);
}

async function installOffline(): Promise<void> {
  const { devDependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  await writeFile(join(OFFLINE, 'package.json'), '{"private":true}\n');
  const wanted = [
    `serverless-offline@${VERSIONS['serverless-offline']}`,
    `serverless@npm:osls@${devDependencies.osls}`,
  ];
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '-E', ...wanted], {
    cwd: OFFLINE,
  });
}

async function install(): Promise<void> {
  await mkdir(HOME, { recursive: true });
  await once(CHECKERS_INSTALLED, installCheckers);
  await mkdir(RUNTIME, { recursive: true });
  await once(emulator, installEmulator);
  await once(runtimeClient, installRuntimeClient);
}

async function once(product: string, make: () => Promise<void>): Promise<void> {
  if (existsSync(product)) return;
  await make();
  if (!existsSync(product)) throw new Error(`${product} is not there after its installation.`);
}

const CHECKERS = [
  `cfn-lint==${VERSIONS['cfn-lint']}`,
  `kubernetes-validate==${VERSIONS['kubernetes-validate']}`,
  `checkov==${VERSIONS.checkov}`,
  `compose-spec==${VERSIONS['compose-spec']}`,
  `moto[server,cloudwatch,s3,secretsmanager,sns,sqs]==${VERSIONS.moto}`,
];
/** Named by what is installed, so that another version of any installs all anew. */
const CHECKERS_INSTALLED = join(
  VENV,
  `installed-${createHash('sha256').update(CHECKERS.join()).digest('hex').slice(0, 16)}`,
);

async function installCheckers(): Promise<void> {
  await rm(VENV, { recursive: true, force: true });
  await run('python3', ['-m', 'venv', VENV]);
  await run(join(VENV, 'bin/pip'), [...QUIET, 'install', ...CHECKERS]);
  await writeFile(CHECKERS_INSTALLED, `${CHECKERS.join('\n')}\n`);
}

const QUIET = ['--disable-pip-version-check', '-q'];

/** The emulator of Lambda's runtime interface is in the wheel of AWS SAM, and nowhere else in a registry. */
async function installEmulator(): Promise<void> {
  const pip = join(VENV, 'bin/pip');
  const wheel = `aws-sam-cli==${VERSIONS['aws-sam-cli']}`;
  await run(pip, [...QUIET, 'download', '--no-deps', '--dest', RUNTIME, wheel]);
  const file = (await readdir(RUNTIME)).find((name) => name.endsWith('.whl'));
  if (!file) throw new Error(`pip has downloaded no wheel of ${wheel}.`);
  const unpack = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])';
  await run('python3', ['-c', unpack, join(RUNTIME, file), join(RUNTIME, 'wheel')]);
  await rm(join(RUNTIME, 'samcli'), { recursive: true, force: true });
  await rename(join(RUNTIME, 'wheel/samcli'), join(RUNTIME, 'samcli'));
  await chmod(emulator, 0o755);
  await rm(join(RUNTIME, 'wheel'), { recursive: true });
}

/** Builds its native part for a minute or two: too long for everybody who installs the packages. */
async function installRuntimeClient(): Promise<void> {
  await writeFile(join(RUNTIME, 'package.json'), '{"private":true}\n');
  const client = `aws-lambda-ric@${VERSIONS['aws-lambda-ric']}`;
  await run('npm', ['install', '--no-audit', '--no-fund', '-E', client], { cwd: RUNTIME });
}
