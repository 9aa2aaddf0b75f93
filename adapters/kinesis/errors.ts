import { KinesisServiceException } from '@aws-sdk/client-kinesis';
import { isMillraceError, MillraceError } from '../../engine/errors.ts';

export function translate(error: unknown, doing: string): MillraceError {
  if (isMillraceError(error)) return error;
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const as = (code: MillraceError['code'], advice: string, retryable: boolean) =>
    new MillraceError(code, `Kinesis failed at ${doing}: ${reason}. ${advice}`, { cause: error, retryable });
  if (!(error instanceof KinesisServiceException)) {
    return as(
      'broker_unreachable',
      'Check the region, the endpoint and the credentials of this process',
      true,
    );
  }
  switch (error.name) {
    case 'ResourceNotFoundException':
      return as('stream_missing', 'Declare the stream first', false);
    case 'AccessDeniedException':
      return as('broker_not_authorized', 'Allow it in the policy of this role', false);
    default:
      return as('publish_failed', 'Try again; more shards help where it says that too much was asked', true);
  }
}

export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}
