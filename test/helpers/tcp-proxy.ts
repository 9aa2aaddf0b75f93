import { type LocalProxy, passForth, startProxy } from './proxy.ts';

export interface TcpProxy extends LocalProxy {
  /** Asked for each piece the server sends: `lose` cuts the connection instead of passing it on. */
  onAnswer(decide: (piece: Buffer) => 'pass' | 'lose'): void;
}

/** Can lose what the server says after it has done what it was asked. */
export async function startTcpProxy(port: number, target: () => number): Promise<TcpProxy> {
  let decide: (piece: Buffer) => 'pass' | 'lose' = () => 'pass';
  const proxy = await startProxy({
    port,
    target,
    forth: passForth,
    back: ({ client, upstream, isSilent }) => {
      upstream.on('data', (piece: Buffer) => {
        if (isSilent()) return;
        if (decide(piece) === 'pass') client.write(piece);
        else client.destroy();
      });
    },
  });
  return {
    ...proxy,
    onAnswer: (next) => {
      decide = next;
    },
  };
}
