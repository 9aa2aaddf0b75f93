import type { CloudFormationCustomResourceEvent, CloudFormationCustomResourceResponse } from 'aws-lambda';

/** What the work came to, for CloudFormation to show. */
export type Outcome =
  | { readonly status: 'SUCCESS'; readonly data: Readonly<Record<string, string>> }
  | { readonly status: 'FAILED'; readonly reason: string };

/** One resource for the life of the stack: another id would make CloudFormation delete the former one. */
export const PHYSICAL_ID = 'millrace-migrations';

/** CloudFormation cuts an answer off at 4 KB. */
const MAX_REASON = 1_000;
const TRIES = 4;

/**
 * Answers CloudFormation, which otherwise waits an hour for it.
 * @throws when the answer cannot be delivered, so that the log has it
 */
export async function respond(
  event: CloudFormationCustomResourceEvent,
  outcome: Outcome,
  options: { readonly send?: typeof fetch; readonly pause: (tries: number) => Promise<void> },
): Promise<void> {
  const body = JSON.stringify(answer(event, outcome));
  const send = options.send ?? fetch;
  for (let tries = 1; ; tries += 1) {
    const reason = await put(send, event.ResponseURL, body);
    if (reason === undefined) return;
    if (tries === TRIES)
      throw new Error(`CloudFormation did not take the answer in ${TRIES} tries; last: ${reason}`);
    await options.pause(tries);
  }
}

function answer(
  event: CloudFormationCustomResourceEvent,
  outcome: Outcome,
): CloudFormationCustomResourceResponse {
  const common = {
    PhysicalResourceId: PHYSICAL_ID,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
  };
  return outcome.status === 'SUCCESS'
    ? { ...common, Status: 'SUCCESS', Data: { ...outcome.data } }
    : { ...common, Status: 'FAILED', Reason: outcome.reason.slice(0, MAX_REASON) };
}

/** @returns why it was not taken; undefined once it was */
async function put(send: typeof fetch, url: string, body: string): Promise<string | undefined> {
  try {
    // The address is signed for a request without a content type.
    const response = await send(url, { method: 'PUT', body, headers: { 'content-type': '' } });
    return response.ok ? undefined : `status ${response.status}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
