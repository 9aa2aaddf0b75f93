import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { endLeftoverBrokers } from './backends/kafka-broker.ts';
import { claimDirectory } from './backends/owner.ts';
import { stopLeftover } from './backends/postgres-postmaster.ts';

/**
 * Removes the data of a stack. Servers that a killed run has left are stopped first: without their files nobody would find
 * them again.
 * @throws MillraceError `configuration` naming the process, when a stack runs there now
 */
export async function emptyStack(directory: string, onProgress: (line: string) => void): Promise<void> {
  await mkdir(directory, { recursive: true });
  const [postgres, kafka] = [join(directory, 'postgres'), join(directory, 'kafka')];
  const claims = [await claimDirectory(postgres)];
  try {
    claims.push(await claimDirectory(kafka));
    await stopLeftover({ dataDir: postgres, onProgress });
    await endLeftoverBrokers(kafka, onProgress);
    await rm(directory, { recursive: true, force: true });
  } finally {
    for (const claim of claims) await claim.release();
  }
}
