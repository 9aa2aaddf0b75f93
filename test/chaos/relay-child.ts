import { openSync, writeSync } from 'node:fs';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../adapters/system/engine-deps.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import type { OutgoingRecord } from '../../engine/ports/event-streamer.ts';
import { header } from '../../events/headers.ts';
import { readRelayConfig } from '../../relay-cdc/config.ts';
import { RelayMetrics } from '../../relay-cdc/metrics.ts';
import { openSession } from '../../relay-cdc/open-session.ts';
import { runRelayLoop, stand } from '../../relay-cdc/relay.ts';
import { RelayStatus } from '../../relay-cdc/status.ts';

// A relay as a process of its own, for being killed. Its broker is a file to which each batch is appended: what is in the
// file is acknowledged, or was about to be. A line is `time call epoch key value;` so that one cut short by a kill can be told.

const path = process.argv[2] ?? '';
const file = openSync(path, 'a');
const config = readRelayConfig(process.env);
const logger = createJsonLogger('warn');
const pool = createPool(config.postgres, logger);
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
// A call to this broker is one piece of synchronous work: between two events none is on its way.
process.on('message', () => process.kill(process.pid, 'SIGSTOP'));
let calls = 0;

function lineOf({ key, value, headers }: OutgoingRecord): string {
  const epoch = headers.find(({ name }) => name === header.epoch)?.value.toString() ?? '?';
  return `${Date.now()} ${calls} ${epoch} ${key.toString()} ${value.toString()};`;
}

const first = await stand(config.postgres, config.slot, config.name);
process.send?.('started');
await runRelayLoop(
  {
    config,
    pool,
    engine: createEngineDeps(createPostgresRecordStore(pool), 'kafka_outbox'),
    streamer: {
      publisher: async () => ({
        publish: async (records) => {
          calls += 1;
          // The line feed comes first: a line that a kill has cut short must not swallow the next one.
          writeSync(file, `\n${records.map(lineOf).join('\n')}`);
          return { refused: [] };
        },
        close: () => Promise.resolve(),
      }),
    },
    openSession: (connection, options) => openSession(config, connection, options),
    roles: [],
    logger,
    metrics: new RelayMetrics(),
    status: new RelayStatus(),
    say: (line) => process.send?.(line),
  },
  first,
  stop.signal,
);
await pool.end();
process.disconnect?.();
