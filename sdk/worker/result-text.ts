import { limits } from '../../engine/deps.ts';

const ERROR_BYTES = 8 * 1024;

/** A handler's result as JSON text, or the reason why it cannot be one. */
export function resultText(value: unknown): { readonly text: string } | { readonly problem: string } {
  const serialized = serialize(value);
  if ('problem' in serialized) return serialized;
  const bytes = Buffer.byteLength(serialized.text);
  if (bytes <= limits.payloadBytes) return serialized;
  return {
    problem:
      `The result is ${bytes} bytes of JSON; at most ${limits.payloadBytes} are kept. ` +
      'Return less: put large data elsewhere and return where it is.',
  };
}

function serialize(value: unknown): { text: string } | { problem: string } {
  if (value === undefined) return { text: 'null' };
  try {
    const text: string | undefined = JSON.stringify(value);
    if (text !== undefined) return { text };
    return { problem: `The result cannot be JSON: it is a ${typeof value}. Return plain data.` };
  } catch (error) {
    return { problem: `The result cannot be JSON: ${errorText(error)}. Return plain data.` };
  }
}

/** What to record of anything thrown: at most 8 KB of text that PostgreSQL takes (no NUL, no half characters). */
export function errorText(error: unknown): string {
  const text = (error instanceof Error ? error.message || error.name : String(error))
    .replaceAll('\0', '\uFFFD')
    .toWellFormed();
  const bytes = Buffer.from(text);
  if (bytes.length <= ERROR_BYTES) return text;
  // A character cut in the middle decodes to U+FFFD at the end.
  return bytes
    .subarray(0, ERROR_BYTES)
    .toString('utf8')
    .replace(/\uFFFD$/, '');
}
