import { expect, test } from 'vitest';
import { readMigrateConfig } from '../../functions/migrate/config.ts';
import { deployed } from './setup/deployed.ts';
import { variants } from './setup/package.ts';

function withTenants(tenants: 'on' | 'off') {
  const variant = variants.find(({ params }) => params['tenants'] === 'on');
  if (!variant) throw new Error('there is no such variant');
  return deployed({ ...variant, params: { ...variant.params, tenants } });
}

function environmentOf(name: string, resources: ReturnType<typeof deployed>): Record<string, string> {
  const environment = resources[name]?.Properties['Environment'] ?? { Variables: {} };
  const { Variables } = environment as { Variables: Readonly<Record<string, unknown>> };
  // What CloudFormation puts in at a deploy is any text here.
  return Object.fromEntries(
    Object.entries(Variables).map(([name, value]) => [name, typeof value === 'string' ? value : 'x']),
  );
}

test('tenants: on has the migrations keep tenants apart, and runs them though nothing else has changed', () => {
  const [on, off] = [withTenants('on'), withTenants('off')].map((resources) => ({
    tenants: readMigrateConfig(environmentOf('MigrateLambdaFunction', resources)).tenants,
    version: resources['Migrations']?.Properties['Version'],
  }));
  expect([on?.tenants, off?.tenants]).toEqual([true, false]);
  expect(on?.version).toMatch(/^[0-9a-f]{16}$/);
  expect(on?.version).not.toBe(off?.version);
});

test('the API then asks for keys, which belong to tenants', () => {
  expect(environmentOf('ApiLambdaFunction', withTenants('on'))['WE_AUTH']).toBe('keys');
});
