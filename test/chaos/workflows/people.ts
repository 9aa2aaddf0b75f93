import { expect } from 'vitest';
import type { Installation } from './installation.ts';

/** Completes each task that is open, signals what waits, mends what failed, cancels what is to stop: more than once where an answer was lost. */
export function answerPeople(site: Installation): { stop(): Promise<void> } {
  let isOver = false;
  const round = () => Promise.all([completeTasks(site), signalReminded(site), mendAndStop(site)]);
  const running = (async () => {
    while (!isOver) await Promise.all([round(), new Promise((resolve) => setTimeout(resolve, 50))]);
  })();
  return {
    async stop() {
      isOver = true;
      await running;
    },
  };
}

async function completeTasks(site: Installation): Promise<void> {
  const { rows } = await site.pool.query<{ id: string; step: string; amount: number | null }>(
    `select i.id, t.step, (i.variables ->> 'amount')::integer as amount
     from workflow_user_tasks t join workflow_instances i on i.id = t.instance_id`,
  );
  for (const { id, step, amount } of rows) {
    if (step === 'ask') await signal(site, id, 'go');
    const variables = step === 'review' ? { approved: Number(amount) < 900 } : {};
    const { status } = await site.post(`workflows/${id}/user-tasks/${step}/complete`, { variables });
    expect([200, 404, 409]).toContain(status);
  }
}

/** Those of whom the reminder has been sent. */
async function signalReminded(site: Installation): Promise<void> {
  const { rows } = await site.pool.query<{ id: string }>(
    `select id from workflow_instances i where name = 'reminded' and status = 'running'
     and exists (select from workflow_history h where h.instance_id = i.id and h.step = 'remind')`,
  );
  for (const { id } of rows) await signal(site, id, 'hold');
}

async function signal(site: Installation, id: string, step: string): Promise<void> {
  const body = { step, variables: { signalled: true } };
  expect([200, 409]).toContain((await site.post(`workflows/${id}/signal`, body)).status);
}

async function mendAndStop(site: Installation): Promise<void> {
  const { rows } = await site.pool.query<{ id: string; name: string }>(
    `select id, name from workflow_instances
     where name = 'Mended' and status = 'failed' or name = 'Stopped' and status = 'running' and current_step > 0`,
  );
  for (const { id, name } of rows) {
    const change = name === 'Stopped' ? 'cancel' : 'steps/try/retry';
    const { status } = await site.post(`workflows/${id}/${change}`, {
      ...(name === 'Mended' && { variables: { mended: true } }),
    });
    expect([200, 409]).toContain(status);
  }
}
