import { beforeEach, describe, expect, test } from 'vitest';
import type { TypePolicy } from '../../../../engine/ports/record-store.ts';
import type { StepId } from '../../../../events/ids.ts';
import { KnownTypes } from '../../../../functions/http/known-types.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

const SEND_EMAIL = 'send-email' as StepId;
const NOOP = 'noop' as StepId;

let registered: StepId[];
let loads: number;
let now: number;
let policies: TypePolicy[];
let types: KnownTypes;

async function listTypes(): Promise<StepId[]> {
  loads += 1;
  return registered;
}

beforeEach(() => {
  registered = [SEND_EMAIL];
  loads = 0;
  now = 0;
  const clock = { now: () => new Date(now), sleep: () => Promise.resolve() };
  policies = [];
  types = new KnownTypes({ listTypes, listPolicies: async () => policies }, clock);
});

describe('KnownTypes', () => {
  test('asks once for types that are known', async () => {
    expect(await types.unknown(new Set([SEND_EMAIL]))).toEqual([]);
    expect(await types.unknown(new Set([SEND_EMAIL]))).toEqual([]);
    expect(loads).toBe(1);
  });

  test('finds a type that was registered since, a second after it last asked', async () => {
    expect(await types.unknown(new Set([SEND_EMAIL, NOOP]))).toEqual([NOOP]);
    registered = [SEND_EMAIL, NOOP];
    now = 999;
    expect(await types.unknown(new Set([NOOP]))).toEqual([NOOP]);
    now = 1000;
    expect(await types.unknown(new Set([NOOP]))).toEqual([]);
    expect(loads).toBe(2);
  });

  test('asks once for requests that come together', async () => {
    await Promise.all([types.unknown(new Set([NOOP])), types.unknown(new Set([NOOP]))]);
    expect(loads).toBe(1);
  });

  test('asks again at once when asking has failed', async () => {
    let fails = true;
    const flaky = new KnownTypes(
      {
        listTypes: async () => {
          if (fails) throw new Error('away');
          return registered;
        },
        listPolicies: async () => [],
      },
      { now: () => new Date(0), sleep: () => Promise.resolve() },
    );
    await expect(flaky.unknown(new Set([SEND_EMAIL]))).rejects.toThrow('away');
    fails = false;
    expect(await flaky.unknown(new Set([SEND_EMAIL]))).toEqual([]);
  });

  test('knows what a type declares anew, some seconds after it was changed', async () => {
    await types.unknown(new Set([SEND_EMAIL]));
    expect(types.policyOf(SEND_EMAIL)).toBeUndefined();
    policies = [{ type: SEND_EMAIL, policy: { unique: {} } }];
    now = 9_999;
    await types.unknown(new Set([SEND_EMAIL]));
    expect(loads).toBe(1);
    now = 10_000;
    await types.unknown(new Set([SEND_EMAIL]));
    await waitFor(() => types.policyOf(SEND_EMAIL) !== undefined, { within: 8_000 });
    expect(types.policyOf(SEND_EMAIL)).toEqual({ unique: {} });
  });
});
