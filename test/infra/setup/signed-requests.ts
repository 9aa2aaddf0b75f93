import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { TLSSocket } from 'node:tls';
import * as msk from '@aws-sdk/client-kafka';
import { createServerIdentity } from '../../../cli/dev/backends/certificate.ts';
import type { Right } from './rights.ts';

/**
 * Stands where AWS, the API and PostgreSQL would be, and reads off each signature what it is for: the credential names the
 * service, and the request the action. Whatever a process signs, with whose code ever, comes by here.
 */
export interface SignedRequests extends AsyncDisposable {
  readonly url: string;
  readonly postgresPort: number;
  /** Path of the authority of PostgreSQL's certificate. */
  readonly ca: string;
  /** What MSK tells who asks for its brokers. */
  brokers: msk.GetBootstrapBrokersResponse;
  readonly rights: Right[];
}

export async function startSignedRequests(): Promise<SignedRequests> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-signed-'));
  const { caPem, keyStorePem } = createServerIdentity(new Date());
  const ca = join(directory, 'ca.pem');
  await writeFile(ca, caPem);
  const rights: Right[] = [];
  // A process that is killed in the midst of its request has asked for nothing.
  const http = createHttpServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await text(request);
    const right = rightOf(request, body);
    if (right) rights.push(right);
    const [status, answer] = answerTo(right, seen.brokers);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  };
  const postgres = createServer((socket) => {
    passwordFrom(socket, keyStorePem).then(
      (token) => rights.push(rightOfToken(token)),
      () => socket.destroy(),
    );
  });
  const seen: SignedRequests = {
    url: `http://127.0.0.1:${await listen(http)}`,
    postgresPort: await listen(postgres),
    ca,
    brokers: {},
    rights,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      http.close();
      postgres.close();
      await rm(directory, { recursive: true });
    },
  };
  return seen;
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function answerTo(right: Right | undefined, brokers: msk.GetBootstrapBrokersResponse): [number, object] {
  switch (right?.action) {
    case 'kafka:GetBootstrapBrokers':
      return [200, { bootstrapBrokerStringSaslScram: brokers.BootstrapBrokerStringSaslScram }];
    case 'execute-api:Invoke':
      return [200, { recorded: 1 }];
    default:
      return right ? [400, { __type: 'AccessDeniedException' }] : [200, {}];
  }
}

/** Undefined for what is not signed. */
function rightOf({ method = '', url = '', headers }: IncomingMessage, body: string): Right | undefined {
  const [, service] =
    /Credential=[^/]+\/\d{8}\/[^/]+\/([\w-]+)\/aws4_request/.exec(headers.authorization ?? '') ?? [];
  if (service === undefined) return undefined;
  const [path = ''] = url.split('?', 1);
  const target = headers['x-amz-target'];
  if (typeof target === 'string') return { action: `${service}:${target.split('.').at(-1)}`, on: '' };
  if (service === 'kafka') return { action: `kafka:${mskOperation(method, path)}`, on: '' };
  const on = `${method}${path}`;
  return { action: service === 'execute-api' ? 'execute-api:Invoke' : `${service}:${on} ${body}`, on };
}

/** By the routes of AWS's own client. */
function mskOperation(method: string, path: string): string {
  for (const operation of Object.values(msk)) {
    if (!Array.isArray(operation)) continue;
    const [, , name, traits] = operation as readonly unknown[];
    const route = (traits as { http?: readonly [string, string] } | undefined)?.http;
    if (!route || route[0] !== method) continue;
    if (new RegExp(`^${route[1].replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path)) return String(name);
  }
  return `${method} ${path}`;
}

/** A token is a request that is signed and never sent: its query has all. */
export function rightOfToken(token: string): Right {
  const query = new URL(`https://${token.replace('https://', '')}`).searchParams;
  const [, , , service] = query.get('X-Amz-Credential')?.split('/') ?? [];
  const action = query.get('Action') ?? '';
  return { action: action.includes(':') ? action : `${service}:${action}`, on: query.get('DBUser') ?? '' };
}

const CLEARTEXT_PASSWORD = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);

/** As far into PostgreSQL's protocol as the password, which it wants in TLS and in plain text, as RDS does for IAM. */
async function passwordFrom(socket: Socket, keyStore: string): Promise<string> {
  socket.on('error', () => undefined);
  await once(socket, 'data');
  socket.write('S');
  const tls = new TLSSocket(socket, { isServer: true, key: keyStore, cert: keyStore });
  tls.on('error', () => undefined);
  await once(tls, 'data');
  tls.write(CLEARTEXT_PASSWORD);
  const [message] = (await once(tls, 'data')) as [Buffer];
  tls.destroy();
  return message.subarray(5, -1).toString();
}
