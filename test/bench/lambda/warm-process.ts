import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Runs a bundled function over the events of a file, one after the other as Lambda does, and prints the processor time in µs. */
const [name = '', path = '', warmUp = '0'] = process.argv.slice(2);
const events: unknown[] = JSON.parse(readFileSync(path, 'utf8'));
const entry = join(import.meta.dirname, '../../../dist/functions', name, 'index.js');
const { handler } = (await import(entry)) as {
  handler: (
    event: unknown,
    context: unknown,
  ) => Promise<{ statusCode?: number; batchItemFailures?: unknown[] }>;
};
const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 60_000 };
let before = process.cpuUsage();
for (const [index, event] of events.entries()) {
  if (index === Number(warmUp)) before = process.cpuUsage();
  const { statusCode = 201, batchItemFailures = [] } = await handler(event, context);
  if (statusCode !== 201 || batchItemFailures.length > 0) throw new Error(`event ${index} was not served`);
}
const { user, system } = process.cpuUsage(before);
console.log(user + system);
process.exit();
