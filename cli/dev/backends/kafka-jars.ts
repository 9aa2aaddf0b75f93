import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MillraceError } from '../../../engine/errors.ts';
import { kafkaLibs } from './choose.ts';
import { runCommand } from './processes.ts';
import { unfinishedPath } from './unfinished.ts';

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millrace.local</groupId>
  <artifactId>kafka-libs</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.1.0</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>4.1.0</version></dependency>
    <!-- Without it Kafka is mute, also about why it does not start. -->
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
  </dependencies>
</project>
`;

const GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/** Apache Kafka's jars (54 MB), fetched once. Fetched aside and renamed: a download cut short is never taken for a whole one. */
export async function ensureKafkaJars(onProgress: (line: string) => void): Promise<string> {
  const libs = kafkaLibs();
  if (await exists(libs)) return libs;
  await mkdir(dirname(libs), { recursive: true });
  const partial = await unfinishedPath(libs);
  await mkdir(partial, { recursive: true });
  try {
    await fetchInto(partial, onProgress);
    // Another process may have been faster; its jars are as good.
    await rename(partial, libs).catch(async (error: unknown) => {
      if (!(await exists(libs))) throw error;
    });
    return libs;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function fetchInto(dir: string, onProgress: (line: string) => void): Promise<void> {
  const pom = join(dirname(dir), `pom-${process.pid}.xml`);
  await writeFile(pom, POM);
  onProgress('fetching Apache Kafka 4.1.0 with Maven (54 MB, once)');
  let jars = 0;
  const { code, output } = await runCommand(
    'mvn',
    ['-B', '-f', pom, GOAL, `-DoutputDirectory=${dir}`, '-DincludeScope=runtime'],
    {
      onLine: (line) => {
        if (!/Downloaded from .*\.jar/.test(line)) return;
        jars += 1;
        if (jars % 20 === 0) onProgress(`fetching Apache Kafka: ${jars} jars`);
      },
    },
  );
  await rm(pom, { force: true });
  if (code === 0) return;
  throw new MillraceError(
    'configuration',
    `Maven could not fetch Apache Kafka: ${firstError(output)} Check the network and Maven's settings.xml, or start Docker.`,
    { retryable: true },
  );
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
