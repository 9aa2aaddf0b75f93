import { request } from 'node:http';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { createPostgresRecordStore } from '../../../../adapters/postgres/record-store.ts';
import { type Gateway, startGateway } from '../../../../cli/dev/gateway.ts';
import type { DispatchMode } from '../../../../engine/deps.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import type { StepId } from '../../../../events/ids.ts';
import { closeApp } from '../../../../functions/compose.ts';
import * as replies from '../../../../functions/http/replies.ts';
import { createDatabase, type TestDatabase } from '../../../helpers/database.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; empty when it is none. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** The HTTP API of one test file: its own database, the real handlers, the gateway before them. */
export interface Api {
  readonly url: string;
  readonly database: TestDatabase;
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** A request as bytes, for what no client would send. */
  raw(options: {
    method: string;
    path: string;
    body?: string | Buffer;
    headers?: Record<string, string>;
  }): Promise<Answer>;
  /** Rows of all tables that requests write. */
  written(): Promise<number>;
}

export const TYPES = ['noop', 'send-email', 'extract', 'process', 'notify'] as StepId[];

/** Call it at the top of a test file. What it returns may be used from the first hook on. */
export function startApi(mode: DispatchMode): Api {
  let database: TestDatabase | undefined;
  let gateway: Gateway | undefined;
  beforeAll(async () => {
    database = await createDatabase();
    await createPostgresRecordStore(database.pool()).registerTypes(TYPES);
    vi.stubEnv('WE_POSTGRES_DSN', database.dsn);
    vi.stubEnv('WE_DISPATCH_MODE', mode);
    gateway = await startGateway({ port: 0, logger: silentLogger });
  });
  afterAll(async () => {
    await gateway?.stop();
    await closeApp();
    await database?.drop();
    vi.unstubAllEnvs();
  });
  const url = () => started(gateway).url;
  return {
    get url() {
      return url();
    },
    get database() {
      return started(database);
    },
    get: (path) => send(`${url()}${path}`, { method: 'GET' }),
    post: (path, body, headers) => send(`${url()}${path}`, post(body, headers)),
    raw: (options) => sendRaw(url(), options),
    written: () => countRows(started(database)),
  };
}

/** Enqueues a job and claims it. */
export async function claimedJob(api: Api, body: Readonly<Record<string, unknown>> = {}) {
  const job = await api.post('/api/v1/jobs', { type: 'noop', payload: {}, ...body });
  expect(job.status).toBe(201);
  const id = String(job.json['id']);
  const claim = await api.post(`/api/v1/jobs/${id}/claim`, { worker_id: 'w' });
  expect(claim.status).toBe(200);
  return { id, token: String(claim.json['token']) };
}

function started<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the API has not started yet: use it in a test or a hook');
  return value;
}

/** A string is sent as it is: JSON text with what JavaScript cannot hold. */
function post(body: unknown, headers: Record<string, string> = {}): RequestInit {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: text };
}

async function send(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  return answer(response.status, response.headers, await response.text());
}

function sendRaw(url: string, { method, path, body, headers }: Parameters<Api['raw']>[0]): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const received = new Headers();
        for (const [name, value] of Object.entries(response.headers)) received.set(name, String(value));
        resolve(answer(response.statusCode ?? 0, received, Buffer.concat(chunks).toString()));
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function answer(status: number, headers: Headers, text: string): Answer {
  const isJson = /json/.test(headers.get('content-type') ?? '') && text !== '';
  return { status, headers, text, json: isJson ? JSON.parse(text) : {} };
}

async function countRows(database: TestDatabase): Promise<number> {
  const { rows } = await database.pool().query<{ count: string }>(
    `select (select count(*) from jobs) + (select count(*) from workflow_instances) + (select count(*) from dispatch_outbox)
      + (select count(*) from audit_log) + (select count(*) from undecodable_records) as count`,
  );
  return Number(rows[0]?.count);
}

export function expectProblem(answer: Answer, status: number, code: string, fields?: string[]): void {
  expect({ status: answer.status, code: answer.json['code'] }).toEqual({ status, code });
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  const problem = replies.problem.parse(answer.json);
  if (fields) expect(problem.errors?.map(({ field }) => field)).toEqual(fields);
}
