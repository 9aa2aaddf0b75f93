import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startChild } from '../../../cli/dev/child.ts';

it('a process whose start fails ends at once, although its parent listens', async () => {
  const start = startChild('relay', {
    command: ['relay'],
    env: { WE_DISPATCH_MODE: 'kafka_outbox', WE_KAFKA_TRANSPORT: 'carrier-pigeon' },
    log: join(tmpdir(), `millrace-child-${process.pid}.log`),
  });
  await expect(start).rejects.toThrow(/relay did not start: exited with code 1\.[\s\S]*WE_/);
});
