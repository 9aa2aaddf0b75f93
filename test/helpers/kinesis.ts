import type { AddressInfo } from 'node:net';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import kinesalite from 'kinesalite';

export interface TestKinesis extends AsyncDisposable {
  readonly endpoint: string;
  client(): KinesisClient;
}

/** Others' Kinesis, within this process: shards, their splitting and merging, and numbers as AWS gives them. */
export async function startKinesis(): Promise<TestKinesis> {
  const server = kinesalite({ createStreamMs: 0, updateStreamMs: 0, deleteStreamMs: 0, shardLimit: 10_000 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    client: () =>
      new KinesisClient({
        endpoint,
        region: 'eu-central-1',
        // Kinesis itself speaks HTTP/2.
        requestHandler: new NodeHttpHandler(),
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
