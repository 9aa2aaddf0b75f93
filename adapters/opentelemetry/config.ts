import { MillraceError } from '../../engine/errors.ts';
import { type Environment, readChoice, readOptional, readString } from '../env.ts';

/** What of OpenTelemetry's own variables is ours to read; the exporter reads the rest (headers, timeout, compression). */
export interface TracingConfig {
  readonly serviceName: string;
  /** Of the traces that begin here, this share is kept; a caller's decision is always followed. */
  readonly ratio: number;
}

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** Undefined where nothing is traced: no endpoint is set. */
export function readTracingConfig(env: Environment, process: string): TracingConfig | undefined {
  const endpoint =
    readOptional(env, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ??
    readOptional(env, 'OTEL_EXPORTER_OTLP_ENDPOINT');
  if (endpoint === undefined || readOptional(env, 'OTEL_SDK_DISABLED') === 'true') return undefined;
  return Object.freeze({
    serviceName: readString(env, 'OTEL_SERVICE_NAME', `millrace-${process}`),
    ratio: readRatio(env),
  });
}

function readRatio(env: Environment): number {
  const sampler = readChoice(env, 'OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_always_on');
  if (sampler.endsWith('always_on')) return 1;
  if (sampler.endsWith('always_off')) return 0;
  const text = readString(env, 'OTEL_TRACES_SAMPLER_ARG', '1');
  const ratio = Number(text);
  if (ratio >= 0 && ratio <= 1) return ratio;
  throw new MillraceError(
    'configuration',
    `OTEL_TRACES_SAMPLER_ARG is malformed: "${text}" is not a number from 0 to 1.`,
    { detail: { variable: 'OTEL_TRACES_SAMPLER_ARG' } },
  );
}
