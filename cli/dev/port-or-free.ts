import { createServer } from 'node:net';
import { freePort } from './backends/ports.ts';

/** The port when nobody listens on it, otherwise any free one: a second project must not keep this one from starting. */
export async function portOrFree(port: number): Promise<number> {
  return port !== 0 && (await isFree(port)) ? port : freePort();
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
