import type { Composition } from './composition.ts';
import { development } from './development.ts';
import { ORDERS, payOrder, placeOrder } from './orders.ts';
import { production } from './production.ts';
import { runOrders } from './run-orders.ts';
import { staging } from './staging.ts';

/** `node examples/compositions/main.ts <composition>`: two orders, one of which nobody pays. */
const compositions: Readonly<Record<string, () => Composition>> = {
  development,
  staging: () => staging(process.env),
  production: () => production(process.env),
};

const compose = compositions[process.argv[2] ?? 'development'];
if (!compose) throw new Error(`Give one of ${Object.keys(compositions).join(', ')}.`);
const parts = compose();
const stop = new AbortController();
const ship = async (order: { readonly number: string }) => console.log(`${order.number} goes to the carrier`);
const running = runOrders(parts, ship, stop.signal);

const numbers = [1, 2].map((count) => `${Date.now()}-${count}`);
for (const number of numbers) await placeOrder(parts, { number, cents: 1_200, payWithin: 1_000 });
await payOrder(parts, numbers[0] ?? '');

const open = new Set(numbers);
while (open.size > 0) {
  for (const number of open) {
    const record = await parts.records.latest(ORDERS, number);
    if (record === undefined || record.runState === 'running') continue;
    console.log(`${number} is ${record.runState}${record.reason ? `: ${record.reason}` : ''}`);
    open.delete(number);
  }
  await parts.clock.sleep(50);
}
stop.abort();
await running;
await parts.close();
