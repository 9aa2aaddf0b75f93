import type { IncomingMessage, ServerResponse } from 'node:http';
import { compose } from '../../functions/compose.ts';
import { toEvent } from './gateway-event.ts';

const PATH = '/ui/events';

/** The stream of ticks tells nothing but the time, and still holds a connection: it is for those who may read. */
export async function mayListen(request: IncomingMessage): Promise<boolean> {
  const where = { routeKey: `GET ${PATH}`, rawPath: PATH, rawQuery: '', pathParameters: undefined };
  try {
    await compose().authorize(toEvent(request, { body: Buffer.alloc(0), ...where }), 'read');
    return true;
  } catch {
    // Whatever the reason: the pages then keep the time themselves, and their own requests say what is wrong.
    return false;
  }
}

export function refuseStream(response: ServerResponse): void {
  response.writeHead(401, { 'content-length': 0 }).end();
}
