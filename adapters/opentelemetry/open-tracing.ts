import type { Tracing } from '../../engine/ports/tracing.ts';
import type { TracingConfig } from './config.ts';

/**
 * Loads OpenTelemetry only where something is traced: nobody else pays for it at start or in the bundle's cold part.
 * Undefined, not a promise of nothing, so that there is nothing to wait for on the way of a request.
 */
export function openTracing(config: TracingConfig | undefined): Promise<Tracing> | undefined {
  return config && import('./tracing.ts').then(({ createTracing }) => createTracing(config));
}
