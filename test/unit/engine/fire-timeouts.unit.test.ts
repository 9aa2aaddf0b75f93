import { describe, expect, it } from 'vitest';
import { MemoryTimeoutStore } from '../../../adapters/memory/timeout-store.ts';
import { fireTimeouts } from '../../../engine/fire-timeouts.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import type { NewTimeout, Timeout } from '../../../engine/ports/timeout-store.ts';
import { FakeTime } from '../../../sdk/testing/fake-time.ts';

const MINUTE_MS = 60_000;

function aTimeout(time: FakeTime, id: string): NewTimeout {
  const expiresAt = new Date(time.now().getTime() + MINUTE_MS);
  return { workflow: 'orders', id, foreignId: 'order 1', runId: 'run 1', status: 'unpaid', expiresAt };
}

async function waiting(ids: readonly string[]) {
  const time = new FakeTime(new Date('2026-01-01T00:00:00Z'));
  const store = new MemoryTimeoutStore(time);
  for (const id of ids) await store.create(aTimeout(time, id));
  const warnings: unknown[] = [];
  const logger = { ...silentLogger, warn: (_message: string, fields: unknown) => warnings.push(fields) };
  const pass = (fire: (timeout: Timeout) => Promise<'fired' | 'moot'>, limit = 10) =>
    fireTimeouts({ store, logger, workflow: 'orders', limit, retryMs: 5_000, fire });
  const states = async () => (await store.list('orders', { limit: 10 })).map(({ state }) => state);
  return { time, pass, states, warnings };
}

describe('firing timeouts', () => {
  it('does nothing before the time has come, and then fires each once', async () => {
    const { time, pass, states } = await waiting(['a', 'b']);
    const fired: string[] = [];
    const fire = async ({ id }: Timeout) => {
      fired.push(id);
      return 'fired' as const;
    };
    expect(await pass(fire)).toBe(0);
    time.move(MINUTE_MS);
    expect([await pass(fire), await pass(fire)]).toEqual([2, 0]);
    expect(fired).toEqual(['a', 'b']);
    expect(await states()).toEqual(['completed', 'completed']);
  });

  it('cancels what the run has gone on without', async () => {
    const { time, pass, states } = await waiting(['a']);
    time.move(MINUTE_MS);
    await pass(async () => 'moot');
    expect(await states()).toEqual(['cancelled']);
  });

  it('tells of one that fails and tries it again later, and lets those behind it through', async () => {
    const { time, pass, states, warnings } = await waiting(['a', 'b']);
    time.move(MINUTE_MS);
    let isBroken = true;
    const fire = async ({ id }: Timeout) => {
      if (id === 'a' && isBroken) throw new Error('the mail server is away');
      return 'fired' as const;
    };
    expect([await pass(fire, 1), await pass(fire, 1), await pass(fire, 1)]).toEqual([1, 1, 0]);
    expect(await states()).toEqual(['pending', 'completed']);
    expect(warnings).toEqual([expect.objectContaining({ id: 'a', runId: 'run 1', retryMs: 5_000 })]);
    isBroken = false;
    time.move(5_000);
    await pass(fire);
    expect(await states()).toEqual(['completed', 'completed']);
  });
});
