#!/usr/bin/env node
// The door to every command of this repository, in plain JavaScript for any Node from 20 on: a fresh clone may have no
// packages yet and an older Node than the sources need. It installs the packages once, then hands over to the Node that
// they bring along.
//
//   node cli/millrace.mjs <verb> …        the millrace command
//   node cli/millrace.mjs --run <cmd> …   any command of node_modules/.bin, under that Node

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'node_modules', '.bin');

installOnce();
handOver(process.argv.slice(2));

function installOnce() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const marker = join(root, 'node_modules', '.millrace-lock');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === lock) return;
  const whole = existsSync(join(root, 'node_modules', '.package-lock.json')) && existsSync(join(bin, 'node'));
  const linked = lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink();
  // npm ci would empty the folder that the link leads to, under whoever else uses it.
  if ((!whole || existsSync(marker)) && !linked) {
    console.error('Installing the packages of package-lock.json (once, about a minute) …');
    const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 2, 2],
    });
    if (npm.status !== 0) {
      console.error(
        'npm ci failed; its own message is above. Check the network and the registry that npm is set to.',
      );
      process.exit(npm.status ?? 1);
    }
  }
  if (!existsSync(join(bin, 'node'))) {
    console.error(
      'The package "node" is installed without its binary: install scripts are switched off (ignore-scripts). ' +
        'Run: npm ci --ignore-scripts=false',
    );
    process.exit(1);
  }
  if (!linked) writeFileSync(marker, lock);
}

/**
 * The relay makes garbage as fast as it reads; with the usual limits V8 lets half a gigabyte of it lie (live: 50 MB).
 * Measured draining a million rows: 470 MB resident without these, 207 MB with them. A smaller young generation saves 15 MB
 * and costs a fifth more processor time; a larger one costs 30 MB for 2 % of rate (BENCHMARKS.md).
 */
function flagsOf(verb) {
  return JSON.parse(readFileSync(join(root, 'cli', 'node-flags.json'), 'utf8'))[verb] ?? [];
}

function handOver([first, ...rest]) {
  const node = join(bin, 'node');
  const [command, args] =
    first === '--run'
      ? [rest[0] === 'node' ? node : (rest[0] ?? 'node'), rest.slice(1)]
      : [
          node,
          [...flagsOf(first), join(root, 'cli', 'main.ts'), ...(first === undefined ? [] : [first, ...rest])],
        ];
  // The extra channel closes when this process dies, however it dies: the child then knows that nobody watches it.
  const child = spawn(command, args, {
    stdio: first === '--run' ? 'inherit' : ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
  });
  // The terminal sends Ctrl-C to the whole group; the child ends in its own order, and this process after it.
  process.on('SIGINT', () => console.error(''));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  child.on('error', (error) => {
    console.error(`${command} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}
