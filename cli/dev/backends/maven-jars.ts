import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MillraceError } from '../../../engine/errors.ts';
import { runCommand } from './processes.ts';
import { unfinishedPath } from './unfinished.ts';

export interface JarSet {
  /** What is fetched, as a person reads it: `Apache Kafka 4.1.0 (54 MB)`. */
  readonly title: string;
  /** `group:artifact:version`, each with everything it needs to run. */
  readonly artifacts: readonly string[];
  /** The folder the jars end up in; in it complete, or absent. */
  readonly dir: string;
}

const GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/** Fetches jars once with Maven. Fetched aside and renamed: a download cut short is never taken for a whole one. */
export async function ensureJars(set: JarSet, onProgress: (line: string) => void): Promise<string> {
  if (await exists(set.dir)) return set.dir;
  await mkdir(dirname(set.dir), { recursive: true });
  const partial = await unfinishedPath(set.dir);
  await mkdir(partial, { recursive: true });
  try {
    await fetchInto(partial, set, onProgress);
    // Another process may have been faster; its jars are as good.
    await rename(partial, set.dir).catch(async (error: unknown) => {
      if (!(await exists(set.dir))) throw error;
    });
    return set.dir;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function fetchInto(
  dir: string,
  { title, artifacts }: JarSet,
  onProgress: (line: string) => void,
): Promise<void> {
  const pom = join(dirname(dir), `pom-${process.pid}.xml`);
  await writeFile(pom, pomOf(artifacts));
  onProgress(`fetching ${title} with Maven, once`);
  let jars = 0;
  const { code, output } = await runCommand(
    'mvn',
    ['-B', '-f', pom, GOAL, `-DoutputDirectory=${dir}`, '-DincludeScope=runtime'],
    {
      onLine: (line) => {
        if (!/Downloaded from .*\.jar/.test(line)) return;
        jars += 1;
        if (jars % 20 === 0) onProgress(`fetching ${title}: ${jars} jars`);
      },
    },
  );
  await rm(pom, { force: true });
  if (code === 0) return;
  throw new MillraceError(
    'configuration',
    `Maven could not fetch ${title}: ${firstError(output)} Check the network and Maven's settings.xml, or start Docker.`,
    { retryable: true },
  );
}

function pomOf(artifacts: readonly string[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, id, version] = artifact.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millrace.local</groupId>
  <artifactId>jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    ${dependencies.join('\n    ')}
  </dependencies>
</project>
`;
}

function firstError(output: string): string {
  const errors = output.split('\n').filter((line) => line.startsWith('[ERROR]'));
  return (errors[0] ?? output.trim().split('\n').at(-1) ?? '').replace('[ERROR] ', '').trim();
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
