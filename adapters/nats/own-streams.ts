import { DiscardPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import type { Nats } from './connection.ts';
import { isMissing } from './errors.ts';

/** Who holds which role. A message that was not renewed for this long is gone, and so is the hold. */
export const ROLES_STREAM = 'millrace-roles';
/** Dead letters, one a subject: `millrace-dead.<stream>.<consumer>.<sequence>`. Kept until they are redriven. */
export const DEAD_STREAM = 'millrace-dead';

export const ownStreams: readonly string[] = [ROLES_STREAM, DEAD_STREAM];

/** Makes the streams the bus itself needs, unless they are there. */
export async function ensureOwnStreams(nats: Nats, roleMs: number): Promise<void> {
  await ensure(nats, ROLES_STREAM, roleMs);
  await ensure(nats, DEAD_STREAM, 0);
}

async function ensure({ manager, replicas }: Nats, name: string, maxAgeMs: number): Promise<void> {
  try {
    await manager.streams.info(name);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await manager.streams.add({
      name,
      subjects: [`${name}.>`],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      num_replicas: replicas,
      max_msgs_per_subject: 1,
      max_age: maxAgeMs * 1_000_000,
    });
  }
}
