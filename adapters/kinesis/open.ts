import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Clock } from '../../engine/ports/clock.ts';
import { KinesisMessageLog } from './message-log.ts';

export interface KinesisOptions {
  readonly region: string;
  readonly clock: Clock;
  /** Of a Kinesis that is not AWS's; those speak HTTP/1.1, and AWS's HTTP/2. */
  readonly endpoint?: string;
  readonly shards?: number;
}

export function openKinesisLog({ region, endpoint, ...options }: KinesisOptions): KinesisMessageLog {
  const elsewhere = endpoint === undefined ? {} : { endpoint, requestHandler: new NodeHttpHandler() };
  return new KinesisMessageLog({ ...options, client: new KinesisClient({ region, ...elsewhere }) });
}
