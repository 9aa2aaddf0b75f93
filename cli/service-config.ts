import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillraceError } from '../engine/errors.ts';
import { isStepId, type StepId } from '../events/ids.ts';
import type { ServiceConfig } from '../sdk/define.ts';

const FILE = 'millrace.config.ts';

/** The description of the service in the current directory: `export default defineConfig({ jobs, workflows })`. */
export async function loadServiceConfig(directory = process.cwd()): Promise<ServiceConfig> {
  const path = resolve(directory, FILE);
  if (!existsSync(path)) {
    throw new MillraceError(
      'configuration',
      `There is no ${FILE} in ${directory}. Go to the root of your service, or write one: export default defineConfig({ jobs: { … } }).`,
    );
  }
  const module: { default?: unknown } = await import(pathToFileURL(path).href);
  if (!isServiceConfig(module.default)) {
    throw new MillraceError('configuration', `${FILE} must export default defineConfig({ jobs: { … } }).`);
  }
  stepIds(module.default);
  return module.default;
}

/** The step ids the service has handlers for. */
export function stepIds(config: ServiceConfig): StepId[] {
  return Object.keys(config.jobs).map((name) => {
    if (isStepId(name)) return name;
    throw new MillraceError(
      'configuration',
      `"${name}" in ${FILE} cannot be a step id: it names a Kafka topic, so only letters, digits, ".", "_" and "-" may stand in it, at most 200.`,
    );
  });
}

function isServiceConfig(value: unknown): value is ServiceConfig {
  return typeof value === 'object' && value !== null && 'jobs' in value && typeof value.jobs === 'object';
}
