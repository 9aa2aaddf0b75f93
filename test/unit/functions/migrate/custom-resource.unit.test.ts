import type { CloudFormationCustomResourceEvent } from 'aws-lambda';
import { expect, test } from 'vitest';
import { type Outcome, respond } from '../../../../functions/migrate/custom-resource.ts';

const event: CloudFormationCustomResourceEvent = {
  RequestType: 'Create',
  ServiceToken: 'arn',
  ResponseURL: 'https://bucket.example/answer?signature=x',
  StackId: 'stack',
  RequestId: 'request',
  LogicalResourceId: 'Migrations',
  ResourceType: 'Custom::MillraceMigrations',
  ResourceProperties: { ServiceToken: 'arn' },
};

/** Answers with each status in turn, and keeps what was sent. */
function endpoint(...statuses: (number | Error)[]) {
  const sent: { url: string; init: RequestInit }[] = [];
  const send: typeof fetch = async (url, init = {}) => {
    sent.push({ url: String(url), init });
    const next = statuses.shift() ?? 200;
    if (next instanceof Error) throw next;
    return new Response(null, { status: next });
  };
  return { send, sent, bodies: () => sent.map(({ init }) => JSON.parse(String(init.body))) };
}

const pause = () => Promise.resolve();

test('tells CloudFormation what was done, under an id that never changes', async () => {
  const { send, sent, bodies } = endpoint();
  await respond(event, { status: 'SUCCESS', data: { applied: '3' } }, { send, pause });

  expect(sent[0]).toMatchObject({ url: event.ResponseURL, init: { method: 'PUT' } });
  expect(bodies()).toEqual([
    {
      Status: 'SUCCESS',
      PhysicalResourceId: 'millrace-migrations',
      StackId: 'stack',
      RequestId: 'request',
      LogicalResourceId: 'Migrations',
      Data: { applied: '3' },
    },
  ]);
});

test('gives the reason of a failure, cut to what CloudFormation takes', async () => {
  const { send, bodies } = endpoint();
  const outcome: Outcome = { status: 'FAILED', reason: 'because '.repeat(1_000) };
  await respond(event, outcome, { send, pause });
  expect(bodies()[0].Status).toBe('FAILED');
  expect(JSON.stringify(bodies()[0]).length).toBeLessThan(4_096);
});

test('answers again when the answer was not taken, and says so when it never is', async () => {
  const twice = endpoint(503, new Error('reset'));
  await respond(event, { status: 'SUCCESS', data: {} }, { send: twice.send, pause });
  expect(twice.sent).toHaveLength(3);

  const never = endpoint(503, 503, 503, 503);
  await expect(respond(event, { status: 'SUCCESS', data: {} }, { send: never.send, pause })).rejects.toThrow(
    'did not take the answer in 4 tries; last: status 503',
  );
});
