import { expect, test } from 'vitest';
import { outcome } from '../client.ts';
import { definition, end, task } from '../definitions.ts';
import type { DialectStack } from '../stack.ts';

/** Definitions and their versions. */
export function testDefinitions({ client }: DialectStack): void {
  test('a definition is given its next version, and a known one its own; each is told again', async () => {
    const flow = definition([task('step-one', 'end', { retryCount: 2 })]);
    const versions = [];
    for (const one of [flow, { ...flow, name: 'Another' }, flow]) {
      versions.push((await client.upload(one)).version);
    }
    expect(versions).toEqual([1, 2, 1]);
    expect(await client.definition(flow.id, 1)).toMatchObject({ id: flow.id, name: flow.name });
    const latest = await client.definition(flow.id);
    expect(latest).toMatchObject({ name: 'Another' });
    expect(latest.steps).toMatchObject([
      { id: 'step-one', type: 'SERVICE_TASK', jobType: 'step-one', retryCount: 2, nextStep: 'end' },
      { id: 'end', type: 'END' },
    ]);
  });

  test('definitions are found by a part of their id, however it is written', async () => {
    const flow = definition([task('step-one', 'end')]);
    await client.upload(flow);
    expect(await client.definitions(flow.id.toUpperCase())).toEqual({ total: 1, ids: [flow.id] });
  });

  test('what is no workflow is refused, and what was never uploaded is not there', async () => {
    const steps = [{ ...end, nextStep: 'nowhere' }];
    expect(await outcome(client.upload({ id: 'x', name: 'x', steps }))).toBe('invalid');
    expect(await outcome(client.definition('nothing'))).toBe('missing');
    expect(await outcome(client.start('nothing', { variables: {} }))).toBe('missing');
    expect(await outcome(client.instance('nothing'))).toBe('missing');
  });
}
