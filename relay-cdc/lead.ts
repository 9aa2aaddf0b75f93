import type { Pool } from 'pg';
import type { EngineDeps } from '../engine/deps.ts';
import type { LagReader } from '../engine/ports/consumer-lag.ts';
import type { EventStreamer, ReadTail } from '../engine/ports/event-streamer.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { Term } from '../events/ids.ts';
import type { RelayConfig } from './config.ts';
import type { LagDeps } from './consumer-lag.ts';
import type { RelayMetrics } from './metrics.ts';
import type { Leadership } from './prepare-slot.ts';
import type { PublishedRow } from './published.ts';
import type { ReplicationConnection } from './replication-connection.ts';
import type { SessionOptions } from './session.ts';
import type { WalSession } from './wal-session.ts';

/** Work that exactly one process does at a time. `run` resolves when the signal aborts. */
export interface RelayRole {
  readonly name: string;
  run(signal: AbortSignal, term: Term): Promise<void>;
}

export interface TermDeps {
  readonly config: RelayConfig;
  readonly pool: Pool;
  readonly engine: EngineDeps;
  readonly streamer: Pick<EventStreamer, 'publisher'>;
  /** Absent where nobody can tell how far the workers are behind. */
  readonly openLagReader?: (() => Promise<LagReader>) | undefined;
  readonly onLags?: LagDeps['onLags'];
  readonly openSession: (connection: ReplicationConnection, options: SessionOptions) => WalSession;
  /** What is done with published rows; unless given they are cleared and audited. @returns rows that were not there */
  readonly clear?: (rows: readonly PublishedRow[], term: Term) => Promise<readonly bigint[]>;
  readonly roles: readonly RelayRole[];
  readonly logger: Logger;
  readonly metrics: RelayMetrics;
  /** Without it, what a dead leader published and did not confirm is published again. */
  readonly readTail?: ReadTail | undefined;
  /** Told when the stream runs. */
  readonly onStreaming: () => void;
}

/** What the parts of one leadership share. */
export interface Lead {
  readonly deps: TermDeps;
  readonly leadership: Leadership;
  readonly stop: AbortSignal;
  readonly over: AbortController;
  readonly fail: (error: unknown) => void;
  readonly cleanup: AsyncDisposableStack;
}
