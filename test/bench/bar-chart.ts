export interface Bar {
  readonly label: string;
  readonly values: readonly number[];
  /** Ours is drawn in the strong colour. */
  readonly isOurs?: boolean;
}

export interface BarChart {
  readonly title: string;
  readonly bars: readonly Bar[];
  readonly format: (value: number) => string;
}

const WIDTH = 760;
const LABEL = 250;
const NUMBER = 110;
const ROW = 30;
const TOP = 44;

/** A bar chart as SVG: the median as the bar, smallest and largest as a line over it. Readable on light and dark pages. */
export function barChart({ title, bars, format }: BarChart): string {
  const largest = Math.max(...bars.flatMap(({ values }) => values));
  const scale = (value: number) => (value / largest) * (WIDTH - LABEL - NUMBER);
  const height = TOP + bars.length * ROW + 10;
  const rows = bars.map((bar, index) => row(bar, TOP + index * ROW, { scale, format }));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(title)}">`,
    '<style>text{font:13px system-ui,sans-serif;fill:#24292f}.t{font-weight:600}.o{fill:#0b6bcb}.p{fill:#8c959f}.w{stroke:#24292f;stroke-width:1.5}',
    '@media(prefers-color-scheme:dark){text{fill:#d0d7de}.o{fill:#4c9ffe}.w{stroke:#d0d7de}}</style>',
    `<text class="t" x="0" y="20">${escapeXml(title)}</text>`,
    ...rows,
    '</svg>\n',
  ].join('\n');
}

function row(
  { label, values, isOurs = false }: Bar,
  y: number,
  { scale, format }: { scale: (value: number) => number; format: (value: number) => string },
): string {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const [low = 0, high = 0] = [sorted[0], sorted.at(-1)];
  const line = y + ROW / 2 - 4;
  return [
    `<text x="${LABEL - 8}" y="${line + 5}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect class="${isOurs ? 'o' : 'p'}" x="${LABEL}" y="${y}" width="${scale(middle).toFixed(1)}" height="${ROW - 8}" rx="2"/>`,
    `<line class="w" x1="${(LABEL + scale(low)).toFixed(1)}" x2="${(LABEL + scale(high)).toFixed(1)}" y1="${line}" y2="${line}"/>`,
    `<text x="${(LABEL + scale(high) + 8).toFixed(1)}" y="${line + 5}">${escapeXml(format(middle))}</text>`,
  ].join('');
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
