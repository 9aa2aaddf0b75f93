import { Histogram, Registry } from 'prom-client';

/** What this process measures of requests: the same in both dispatch modes, and without any connection. */
export const requestMetrics = new Registry();

const registers = [requestMetrics];
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const byRoute = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'Time from the event to the reply, by route and status.',
  labelNames: ['route', 'status'],
  buckets,
  registers,
});

const byPath = new Histogram({
  name: 'http_requests_duration_seconds',
  help: 'The same by method, path of the route and status.',
  labelNames: ['method', 'path', 'status'],
  buckets,
  registers,
});

const ofGrpc = new Histogram({
  name: 'grpc_requests_duration_seconds',
  help: 'Time from a call over gRPC, gRPC-Web or Connect to its answer, by method and code.',
  labelNames: ['method', 'code'],
  buckets,
  registers,
});

interface Child {
  observe(seconds: number): void;
}

/** Looking a label set up costs more than observing: there are few, so they are kept. */
const children = new Map<string, readonly Child[]>();

export function observeRequest(route: string, status: number, seconds: number): void {
  const key = `${status} ${route}`;
  const kept = children.get(key) ?? childrenOf(route, String(status));
  children.set(key, kept);
  for (const child of kept) child.observe(seconds);
}

/** A route is a method and a path, except for `$default`, what no route is for. */
function childrenOf(route: string, status: string): readonly Child[] {
  const [method = '', path] = route.split(' ');
  const labels = path === undefined ? { method: 'ANY', path: route } : { method, path };
  return [byRoute.labels(route, status), byPath.labels({ ...labels, status })];
}

export function observeCall(method: string, code: string, seconds: number): void {
  ofGrpc.observe({ method, code }, seconds);
}
