import { readPostgresConfig } from '../adapters/postgres/config.ts';
import { createPool } from '../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../adapters/system/engine-deps.ts';
import { uploadDefinition } from '../engine/commands/upload-definition.ts';
import { MillraceError } from '../engine/errors.ts';
import { silentLogger } from '../engine/ports/logger.ts';
import type { ServiceConfig } from '../sdk/define.ts';

/**
 * Stores the service's workflow definitions; those that are known keep their version.
 * @throws MillraceError `configuration` naming every fault of every definition
 */
export async function syncWorkflows({ workflows = [] }: ServiceConfig): Promise<void> {
  if (workflows.length === 0) return;
  const pool = createPool(readPostgresConfig(process.env, { poolSize: 1 }), silentLogger);
  try {
    const deps = createEngineDeps(createPostgresRecordStore(pool), 'polling');
    const faults: string[] = [];
    for (const workflow of workflows) {
      const outcome = await uploadDefinition(deps, JSON.stringify(workflow));
      if (outcome.kind === 'invalid') {
        faults.push(...outcome.faults.map((fault) => `${workflow.toJSON().id}: ${fault}`));
      }
    }
    if (faults.length === 0) return;
    throw new MillraceError(
      'configuration',
      `workflows in millrace.config.ts cannot be stored:\n  ${faults.join('\n  ')}\nCorrect them and start again.`,
    );
  } finally {
    await pool.end();
  }
}
