import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';

/** Free ports of the loopback interface, all different. Somebody else can still take one before it is bound. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    // Held open together, so that the system cannot give the same port twice.
    return await Promise.all(servers.map(listen));
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new RangeError('no port was given by the system');
  return port;
}

function listen(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, LOOPBACK, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new TypeError('not an IP address'));
      else resolve(address.port);
    });
  });
}
