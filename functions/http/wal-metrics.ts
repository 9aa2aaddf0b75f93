import { Gauge, type Registry } from 'prom-client';
import type { WalSample } from '../../adapters/postgres/wal-guard.ts';

/** The relay's own page has these, too, under the same names: the API's is there when no relay is. */
export function createWalMetrics(registers: Registry[]): (sample: WalSample) => void {
  const used = new Gauge({
    name: 'workflow_engine_dispatch_wal_budget_used_ratio',
    help: 'Write-ahead log that the slots hold back, as a share of the budget; new jobs fall back to polling at 0.8.',
    registers,
  });
  const fallback = new Gauge({
    name: 'workflow_engine_dispatch_fallback',
    help: '1 while new jobs are queued without the outbox, for workers that poll.',
    registers,
  });
  return ({ usedRatio, pressure }) => {
    used.set(usedRatio);
    fallback.set(pressure === 'fallback' || pressure === 'dropped' ? 1 : 0);
  };
}
