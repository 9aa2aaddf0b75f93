import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type {
  CreateTopicResponse,
  DescribeTopicResponse,
  GetBootstrapBrokersResponse,
  ListTopicsResponse,
  TopicInfo,
} from '@aws-sdk/client-kafka';

export const CLUSTER_ARN =
  'arn:aws:kafka:eu-west-1:111122223333:cluster/dev/11111111-2222-3333-4444-555555555555-1';

/** What MSK's control plane knows of one cluster. A test may change it at any time. */
export interface FakeMsk extends AsyncDisposable {
  readonly url: string;
  brokers: GetBootstrapBrokersResponse;
  readonly topics: Map<string, TopicInfo>;
  /** The name of the error that each request is refused with, while there is one. */
  refuses: { readonly name: string; readonly status: number } | undefined;
}

/**
 * The part of MSK's control plane that Millrace calls. moto answers none of it. Answers have the types of AWS's own client,
 * which also reads them, so what MSK could not say does not pass.
 */
export async function startFakeMsk(): Promise<FakeMsk> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const answer = (status: number, value: object, headers: Record<string, string> = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(value));
    };
    const refuse = (status: number, name: string, message: string) =>
      answer(status, { message }, { 'x-amzn-errortype': name });
    const { refuses } = fake;
    if (refuses) return refuse(refuses.status, refuses.name, 'You may not do this.');
    const url = new URL(request.url ?? '', 'http://msk');
    const route = `${request.method} ${decodeURIComponent(url.pathname)}`;
    const reply = replyTo(fake, route, body === '' ? {} : JSON.parse(body), url.searchParams);
    if (reply === 'exists') return refuse(409, 'TopicExistsException', 'There is one.');
    return reply
      ? answer(200, asOnTheWire(reply))
      : refuse(404, 'NotFoundException', 'The cluster does not exist.');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fake: FakeMsk = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    brokers: {},
    topics: new Map(),
    refuses: undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return fake;
}

type Reply =
  | GetBootstrapBrokersResponse
  | ListTopicsResponse
  | CreateTopicResponse
  | DescribeTopicResponse
  | 'exists'
  | undefined;

interface CreateBody {
  readonly topicName: string;
  readonly partitionCount: number;
  readonly replicationFactor: number;
}

function replyTo({ brokers, topics }: FakeMsk, route: string, body: unknown, query: URLSearchParams): Reply {
  const cluster = `/v1/clusters/${CLUSTER_ARN}`;
  if (route === `GET ${cluster}/bootstrap-brokers`) return brokers;
  if (route === `GET ${cluster}/topics`)
    return page([...topics.values()], Number(query.get('nextToken') ?? 0));
  if (route === `POST ${cluster}/topics`) {
    const { topicName, partitionCount, replicationFactor } = body as CreateBody;
    if (topics.has(topicName)) return 'exists';
    topics.set(topicName, {
      TopicName: topicName,
      PartitionCount: partitionCount,
      ReplicationFactor: replicationFactor,
    });
    return { TopicName: topicName, Status: 'CREATING' } satisfies CreateTopicResponse;
  }
  const named = topics.get(route.replace(`GET ${cluster}/topics/`, ''));
  return named && ({ ...named, Status: 'ACTIVE' } satisfies DescribeTopicResponse);
}

const PAGE = 2;

function page(all: readonly TopicInfo[], from: number): ListTopicsResponse {
  const next = from + PAGE < all.length ? String(from + PAGE) : undefined;
  return { Topics: all.slice(from, from + PAGE), NextToken: next };
}

/** The types have names in capitals where the wire has not. */
function asOnTheWire(value: object): object {
  if (Array.isArray(value)) return value.map(asOnTheWire);
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name.charAt(0).toLowerCase() + name.slice(1),
      typeof inner === 'object' && inner !== null ? asOnTheWire(inner) : inner,
    ]),
  );
}
