import { MillraceError } from '../../../engine/errors.ts';

/** How many requests are under way at once. */
const CONCURRENCY = 32;

/** Posts `count` send-email jobs, one a request, as so many callers would. */
export async function submitJobs(apiUrl: string, count: number, signal: AbortSignal): Promise<void> {
  let next = 0;
  const caller = async () => {
    while (next < count) {
      const index = next++;
      const body = {
        type: 'send-email',
        payload: { to: `reader-${index}@example.org`, subject: 'Hello' },
        max_retries: 2,
      };
      await post(apiUrl, { path: '/api/v1/jobs', body, signal });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, caller));
}

/** Starts the three-step workflow, whose steps get the outputs of the earlier ones. @returns its id */
export async function submitWorkflow(apiUrl: string, signal: AbortSignal): Promise<string> {
  const body = {
    name: 'data-pipeline',
    steps: [
      { name: 'extract', type: 'extract', payload: { source: 'db', rows: 3 }, max_retries: 3 },
      { name: 'process', type: 'process', payload: { iterations: 1000 }, max_retries: 2 },
      { name: 'notify', type: 'notify', payload: { channel: 'slack' }, max_retries: 1 },
    ],
  };
  const started = await post(apiUrl, { path: '/api/v1/workflows', body, signal });
  if (typeof started['id'] !== 'string')
    throw new MillraceError('internal', 'The API gave the workflow no id.');
  return started['id'];
}

export interface WorkflowView {
  readonly status: string;
  readonly failure_reason: string | null;
  readonly steps: readonly { readonly name: string; readonly status: string; readonly output: unknown }[];
}

export async function getWorkflow(apiUrl: string, id: string, signal: AbortSignal): Promise<WorkflowView> {
  const response = await fetch(`${apiUrl}/api/v1/workflows/${id}`, { signal });
  if (!response.ok) throw await refused(response);
  return (await response.json()) as WorkflowView;
}

async function post(
  apiUrl: string,
  { path, body, signal }: { path: string; body: unknown; signal: AbortSignal },
): Promise<Record<string, unknown>> {
  const response = await fetch(apiUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });
  if (response.status !== 201) throw await refused(response);
  return (await response.json()) as Record<string, unknown>;
}

async function refused(response: Response): Promise<MillraceError> {
  return new MillraceError('internal', `The API answered ${response.status}: ${await response.text()}`);
}
