import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import {
  type Health,
  HealthCheckResponse_ServingStatus,
} from '../../events/generated/grpc/health/v1/health_pb.js';

/** As `/health`, it asks no other system. A watch is told once, and then waits for nothing to change. */
export function healthService(services: readonly string[]): ServiceImpl<typeof Health> {
  const isKnown = (service: string) => service === '' || services.includes(service);
  return {
    check: ({ service }) => {
      if (!isKnown(service)) throw new ConnectError(`unknown service ${service}`, Code.NotFound);
      return { status: HealthCheckResponse_ServingStatus.SERVING };
    },
    async *watch({ service }, { signal }) {
      const { SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;
      yield { status: isKnown(service) ? SERVING : SERVICE_UNKNOWN };
      if (signal.aborted) return;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
  };
}
