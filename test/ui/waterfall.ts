import type { ReceivedSpan } from '../helpers/otlp-receiver.ts';

const ROW = 26;
const NAMES = 330;
const BARS = 520;
const COLOURS: Readonly<Record<string, string>> = {
  'millrace-api': '#2563eb',
  'millrace-relay': '#b45309',
  'millrace-worker': '#15803d',
};

/** The spans of one trace as a picture: each below its parent, where it lies in the time of the whole. */
export function waterfallSvg(spans: readonly ReceivedSpan[]): string {
  const byTime = (a: bigint, b: bigint) => (a < b ? -1 : 1);
  const [start = 0n] = spans.map(({ startNs }) => startNs).sort(byTime);
  const end =
    spans
      .map(({ endNs }) => endNs)
      .sort(byTime)
      .at(-1) ?? start + 1n;
  const x = (at: bigint) => NAMES + (Number(at - start) / Number(end - start)) * BARS;
  const rows = ordered(spans).map(({ span, depth }, index) => {
    const y = 16 + index * ROW;
    const width = Math.max(2, x(span.endNs) - x(span.startNs));
    const took = `${(Number(span.endNs - span.startNs) / 1e6).toFixed(1)} ms`;
    return (
      `<text x="${12 + depth * 14}" y="${y + 13}">${escaped(span.name)}</text>` +
      `<rect x="${x(span.startNs).toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="16" rx="2" fill="${COLOURS[span.service] ?? '#6b7280'}"/>` +
      `<text class="took" x="${NAMES + BARS + 12}" y="${y + 13}">${took}</text>`
    );
  });
  const height = 32 + rows.length * ROW;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${NAMES + BARS + 90} ${height}" font-family="system-ui, sans-serif" font-size="12">
<title>A workflow of three steps as one trace</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${rows.join('\n')}
</svg>
`;
}

function ordered(spans: readonly ReceivedSpan[]): { span: ReceivedSpan; depth: number }[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const below = (parent: string | undefined, depth: number): { span: ReceivedSpan; depth: number }[] =>
    spans
      .filter(({ parentSpanId }) => (ids.has(parentSpanId) ? parentSpanId : undefined) === parent)
      .sort((a, b) => (a.startNs < b.startNs ? -1 : 1))
      .flatMap((span) => [{ span, depth }, ...below(span.spanId, depth + 1)]);
  return below(undefined, 0);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').slice(0, 44);
}
