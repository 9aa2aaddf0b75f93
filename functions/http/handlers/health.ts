import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';

/** Whether this process serves. It asks no other system, so that their trouble does not make a balancer kill it. */
export const health = defineEndpoint(
  {
    scope: 'public',
    replies: { 200: { description: 'The process serves requests.', schema: replies.health } },
  },
  () => ({ status: 200, body: '{"status":"ok"}' }),
);

export const { handler } = health;
