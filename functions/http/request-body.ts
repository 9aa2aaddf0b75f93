import { MillraceError } from '../../engine/errors.ts';
import { MAX_DEPTH, nestsDeeperThan } from '../../engine/raw-json.ts';
import { findJsonFault } from './json-fault.ts';

export const bodyLimits = {
  /** One job: its payload's limit holds for the whole body. */
  single: 256 * 1024,
  /** One result of up to 256 KB, with its token. */
  result: 257 * 1024,
  /** What Lambda takes at most. */
  batch: 6 * 1024 * 1024,
} as const;

export interface JsonBody {
  /** The text as sent, for slicing payloads out of it. */
  readonly text: string;
  readonly value: unknown;
}

/**
 * The JSON body of an API Gateway event.
 * @throws MillraceError `body_too_large`, `malformed_json`, or `invalid_request` when it nests too deep
 */
export function readJsonBody(
  event: { readonly body?: string | undefined; readonly isBase64Encoded: boolean },
  limit: number,
): JsonBody {
  const text = readText(event, limit);
  if (nestsDeeperThan(text)) {
    throw new MillraceError(
      'invalid_request',
      `The body nests arrays and objects deeper than ${MAX_DEPTH} levels. Flatten it; nothing was written.`,
      { detail: { errors: [{ field: 'body', message: `nests deeper than ${MAX_DEPTH} levels` }] } },
    );
  }
  try {
    return { text, value: JSON.parse(text) };
  } catch (error) {
    throw malformed(text, error);
  }
}

/** @throws MillraceError always to be thrown where a body or a part of it is over its limit */
export function tooLarge(
  what: string,
  options: { bytes?: number; limit: number; field?: string },
): MillraceError {
  const { bytes, limit, field } = options;
  const size = bytes === undefined ? '' : ` has ${bytes} bytes and`;
  return new MillraceError(
    'body_too_large',
    `${what}${size} is larger than ${limit / 1024} KB. Put large data elsewhere and send where it is; nothing was written.`,
    { detail: { limit_bytes: limit, ...(field ? { errors: [{ field, message: 'is too large' }] } : {}) } },
  );
}

function readText(
  { body = '', isBase64Encoded }: { readonly body?: string | undefined; readonly isBase64Encoded: boolean },
  limit: number,
): string {
  const bytes = isBase64Encoded ? Math.floor((body.length * 3) / 4) : Buffer.byteLength(body);
  // Base64 pads to three bytes, so that the exact size is known only when decoded.
  if (bytes > limit + 3) throw tooLarge('The body', { bytes, limit });
  if (!isBase64Encoded) {
    if (bytes > limit) throw tooLarge('The body', { bytes, limit });
    if (!body.isWellFormed()) throw notUtf8();
    return body;
  }
  const decoded = Buffer.from(body, 'base64');
  if (decoded.length > limit) throw tooLarge('The body', { bytes: decoded.length, limit });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(decoded);
  } catch (error) {
    throw notUtf8(error);
  }
}

function notUtf8(cause?: unknown): MillraceError {
  return new MillraceError('malformed_json', 'The body is not UTF-8. Encode it so; nothing was written.', {
    cause,
  });
}

function malformed(text: string, cause: unknown): MillraceError {
  if (text.trim() === '') {
    return new MillraceError(
      'malformed_json',
      'The body is empty. Send a JSON object; nothing was written.',
      { cause, detail: { position: 0 } },
    );
  }
  const fault = findJsonFault(text);
  const where = fault
    ? `at position ${fault.position} (line ${fault.line}, column ${fault.column}): expected ${fault.expected}`
    : 'somewhere';
  return new MillraceError(
    'malformed_json',
    `The body is not JSON ${where}. Correct it there; nothing was written.`,
    { cause, detail: fault ? { position: fault.position, line: fault.line, column: fault.column } : {} },
  );
}
