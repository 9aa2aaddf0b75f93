import type { LogFields, Logger } from '../../engine/ports/logger.ts';

/** What the Rochallor engine logs, word for word, so that alerts and searches made for it find it here. */
export const engineLines = {
  starting: 'engine: starting',
  validatingTopics: 'kafka_outbox: validating topics',
  runtimeStarted: 'kafka_outbox: runtime started',
  runtimeReady: 'engine: dispatch runtime ready',
  restListening: 'engine: REST listening',
  grpcListening: 'engine: gRPC listening',
  metricsListening: 'engine: metrics listening',
  becameLeader: 'dispatch: became relay leader',
  relayStarted: 'dispatch: relay started',
  relayStopped: 'dispatch: relay stopped',
  cycleError: 'dispatch: relay cycle error',
  lockLost: 'dispatch: advisory lock session lost',
  runtimeStopped: 'kafka_outbox: runtime stopped',
  shutdown: 'engine: shutdown signal received',
  stopped: 'engine: stopped',
  fatal: 'engine: fatal',
} as const;

export type EngineLine = keyof typeof engineLines;

/** Says a line beside our own for the same moment. */
export function sayLine(logger: Logger, line: EngineLine, fields?: LogFields): void {
  const level = line === 'fatal' ? 'error' : line === 'cycleError' || line === 'lockLost' ? 'warn' : 'info';
  logger[level](engineLines[line], fields);
}
