import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { describeService } from '../../../infra/service/service.ts';
import type { JsonObject } from '../../../infra/service/template.ts';
import type { Resource, Variant } from './package.ts';
import { ROOT } from './tools.ts';

export type Deployed = Readonly<Record<string, Resource>>;

/** Resources and functions of a variant as the framework is given them: of roles, environments and handlers it changes nothing. */
export function deployed({ params }: Variant): Deployed {
  const { params: written } = load(readFileSync(join(ROOT, 'serverless.yml'), 'utf8')) as {
    params: { default: object };
  };
  const given = { ...written.default, ...params, prefix: 'millrace-dev' };
  const { functions, resources } = describeService(given, ROOT);
  const own = Object.entries(functions).map(([name, one]) => [
    resourceName(name),
    asResource(one as JsonObject),
  ]);
  return { ...(resources['Resources'] as unknown as Deployed), ...Object.fromEntries(own) };
}

/** By the framework's rule. */
function resourceName(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}LambdaFunction`;
}

function asResource({ handler, role, environment = {}, vpc }: JsonObject): Resource {
  return {
    Type: 'AWS::Lambda::Function',
    Properties: {
      Handler: handler,
      Role: role,
      Environment: { Variables: environment },
      ...(vpc === undefined ? {} : { VpcConfig: vpc }),
    },
  };
}

export function ofType(resources: Deployed, type: string): [string, Resource][] {
  return Object.entries(resources).filter(([, resource]) => resource.Type === type);
}
