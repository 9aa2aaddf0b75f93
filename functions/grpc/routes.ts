import type { ConnectRouter } from '@connectrpc/connect';
import { Health } from '../../events/generated/grpc/health/v1/health_pb.js';
import { ServerReflection } from '../../events/generated/grpc/reflection/v1/reflection_pb.js';
import { ServerReflection as ServerReflectionAlpha } from '../../events/generated/grpc/reflection/v1alpha/reflection_pb.js';
import { WorkflowEngine } from '../../events/generated/workflow/v1/workflow_engine_pb.js';
import { engineService } from './engine-service.ts';
import { healthService } from './health-service.ts';
import { reflectionService } from './reflection-service.ts';

const SERVICES = [WorkflowEngine, Health, ServerReflection, ServerReflectionAlpha];

/** All that is served over gRPC, gRPC-Web and Connect. */
export function grpcRoutes(router: ConnectRouter): void {
  router.service(WorkflowEngine, engineService);
  router.service(Health, healthService(SERVICES.map(({ typeName }) => typeName)));
  const reflection = reflectionService(SERVICES);
  router.service(ServerReflection, reflection);
  router.service(ServerReflectionAlpha, reflection);
}
