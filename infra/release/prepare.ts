import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cutRelease, notesOf } from './change-log.ts';

/**
 * `npm run release`: takes the changesets in, writes the version they make into package.json and its lock, and gives what is
 * unreleased in the change log that version. Commits and publishes nothing: docs/releasing.md has the steps behind it.
 */
const root = resolve(process.argv[2] ?? join(import.meta.dirname, '../..'));
const path = (name: string) => join(root, name);
const read = (name: string) => readFileSync(path(name), 'utf8');
const readVersion = () => (JSON.parse(read('package.json')) as { version: string }).version;

const former = readVersion();
const changeset = join(import.meta.dirname, '../../node_modules/@changesets/cli/bin.js');
// By this Node: the one that the system has may be older than the command asks for.
const { status } = spawnSync(process.execPath, [changeset, 'version'], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
});
const version = readVersion();
if (status !== 0 || version === former) {
  console.error(
    `No changeset asks for a release after ${former}. Say what kind it is with: npm run changeset`,
  );
  process.exit(1);
}

const lock = JSON.parse(read('package-lock.json'));
lock.version = version;
lock.packages[''].version = version;
writeFileSync(path('package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`);

const changeLog = cutRelease(read('CHANGELOG.md'), { version, date: new Date().toISOString().slice(0, 10) });
writeFileSync(path('CHANGELOG.md'), changeLog);
mkdirSync(path('dist'), { recursive: true });
writeFileSync(path('dist/release-notes.md'), `${notesOf(changeLog, version)}\n`);
console.log(
  `${former} → ${version}; the notes are in dist/release-notes.md. Next: docs/releasing.md, step 3.`,
);
