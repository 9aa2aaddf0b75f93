import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand } from '../../../cli/dev/backends/processes.ts';

const MAIN = join(import.meta.dirname, '../../../cli/main.ts');
/** Nothing listens on port 1: every process gets as far as its first connection, and says why it ends. */
const environment = {
  WE_POSTGRES_DSN: 'postgres://millrace:canary-of-postgres@127.0.0.1:1/millrace',
  WE_DISPATCH_MODE: 'kafka_outbox',
  WE_KAFKA_TRANSPORT: 'sasl_scram_tls',
  WE_KAFKA_SEED_BROKERS: '127.0.0.1:1',
  WE_KAFKA_SASL_USERNAME: 'relay',
  WE_KAFKA_SASL_PASSWORD: 'canary-of-kafka',
  WE_LOG_LEVEL: 'debug',
};

test.each(['relay', 'migrate up', 'topics check', 'doctor', 'doctor --json'])(
  'no secret is in what `millrace %s` says when it cannot connect',
  async (command) => {
    const env = { ...process.env, ...environment };
    const { code, output } = await runCommand(process.execPath, [MAIN, ...command.split(' ')], { env });
    expect(code).not.toBe(0);
    // It did get to the secrets: what it says is about the servers that they are for.
    expect(output).toContain('127.0.0.1:1');
    expect(output).not.toContain('canary');
  },
);
