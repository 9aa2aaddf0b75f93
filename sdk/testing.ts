/** What tests import: a service in memory for its own, and the suites that an adapter of a port must pass. */
export type * from '../engine/ports/event-bus.ts';
export type * from '../engine/ports/event-streamer.ts';
export type * from '../engine/ports/role-scheduler.ts';
export type * from '../engine/ports/timeout-store.ts';
export type * from '../engine/ports/workflow-record-store.ts';
export { type BusUnderTest, eventBusSuite } from './testing/conformance/event-bus.suite.ts';
export { eventStreamerSuite, type StreamerUnderTest } from './testing/conformance/event-streamer.suite.ts';
export { type RolesUnderTest, roleSchedulerSuite } from './testing/conformance/role-scheduler.suite.ts';
export type { SuiteOptions, TestRunner, UnderTest } from './testing/conformance/suite.ts';
export { type TimeoutsUnderTest, timeoutStoreSuite } from './testing/conformance/timeout-store.suite.ts';
export {
  type RecordStoreUnderTest,
  recordStoreSuite,
} from './testing/conformance/workflow-record-store.suite.ts';
export { type TestJob, TestService, type TestWorkflow } from './testing/test-service.ts';
