import type { App } from './compose.ts';

/** Callers bring the names, so that there must be an end to what is kept. */
const MOST = 1_000;

/**
 * The apps of tenants, each made when it is first asked for. A tenant has a store of its own, so that no statement, group of
 * requests or definition that is kept is ever shared by two.
 */
export class TenantApps {
  readonly #make: (tenant: string) => App;
  readonly #made = new Map<string, App>();

  constructor(make: (tenant: string) => App) {
    this.#make = make;
  }

  of(tenant: string): App {
    const app = this.#made.get(tenant) ?? this.#make(tenant);
    if (!this.#made.has(tenant) && this.#made.size >= MOST) this.#made.clear();
    this.#made.set(tenant, app);
    return app;
  }
}
