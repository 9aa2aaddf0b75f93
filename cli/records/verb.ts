import { Command } from 'commander';
import { type OpenRecordStore, openRecordStore } from '../../adapters/open-record-store.ts';
import { readRecordStore } from '../../adapters/record-store-config.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { silentLogger } from '../../engine/ports/logger.ts';

export function verb(name: string, description: string): Command {
  return new Command(name).description(description).option('--json', 'machine-readable output');
}

export async function withStore(use: (opened: OpenRecordStore) => Promise<void>): Promise<void> {
  const deps = { env: process.env, clock: systemClock, logger: silentLogger };
  const opened = await openRecordStore(readRecordStore(process.env), deps);
  try {
    await use(opened);
  } finally {
    await opened.close();
  }
}
