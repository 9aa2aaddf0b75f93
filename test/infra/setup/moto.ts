import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { freePorts } from '../../../cli/dev/backends/ports.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { motoServer, python } from './tools.ts';

/** A call of AWS by the names that its own SDK for Python has: `['sqs', 'create_queue', { QueueName: 'q' }]`. */
export type Call = readonly [service: string, method: string, parameters: Readonly<Record<string, unknown>>];

/** moto: AWS's control plane, as far as it answers without AWS. */
export interface Moto extends AsyncDisposable {
  readonly endpoint: string;
  /** By boto3, which holds what is sent against AWS's descriptions of its services. Answers come in the order of the calls. */
  call(calls: readonly Call[]): Promise<unknown[]>;
}

export const REGION = 'eu-west-1';

const CALL = `
import boto3, json, sys
endpoint, region, calls = sys.argv[1], sys.argv[2], json.load(sys.stdin)
made = {}
def client(name):
    if name not in made:
        made[name] = boto3.client(name, endpoint_url=endpoint, region_name=region, aws_access_key_id='test', aws_secret_access_key='test')
    return made[name]
def plain(value):
    return value.read().decode() if hasattr(value, 'read') else str(value)
print(json.dumps([getattr(client(s), m)(**p) for s, m, p in calls], default=plain))
`;

export async function startMoto(): Promise<Moto> {
  const [port = 0] = await freePorts(1);
  const endpoint = `http://127.0.0.1:${port}`;
  const child = spawn(motoServer, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const stop = async () => {
    if (child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  try {
    const answers = () =>
      fetch(endpoint).then(
        () => true,
        () => false,
      );
    await waitFor(answers, { within: 90_000, what: 'moto to answer' });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoint,
    call: async (calls) => {
      const running = promisify(execFile)(python, ['-c', CALL, endpoint, REGION]);
      running.child.stdin?.end(JSON.stringify(calls));
      return JSON.parse((await running).stdout);
    },
    [Symbol.asyncDispose]: stop,
  };
}
