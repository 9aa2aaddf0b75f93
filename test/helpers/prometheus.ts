import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import parse from 'parse-prometheus-text-format';

/** One family of metrics as a page shows it. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** A histogram's are those of its buckets, sums and counts. */
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const TYPE = /^# TYPE (\S+) (\S+)$/gm;

/** Reads a page as Prometheus would. @throws Error for what is none of its format */
export function parsePage(text: string): Map<string, Family> {
  const types = new Map([...text.matchAll(TYPE)].map(([, name = '', type = '']) => [name, type]));
  if (types.size !== [...text.matchAll(TYPE)].length) throw new Error('a family stands on the page twice');
  // The parser forgets the labels of a histogram that has any; its samples are read as what they are.
  const parsed = parse(text.replaceAll(/^# TYPE \S+ histogram$/gm, ''));
  const samples = parsed.flatMap(({ name, metrics }) =>
    metrics.map(({ labels = {}, value = '' }): Sample => ({ name, labels, value: numberOf(name, value) })),
  );
  const helps = new Map(parsed.map(({ name, help }) => [name, help]));
  const families = [...types].map(([name, type]): Family => {
    const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    const own = samples.filter((sample) => suffixes.some((suffix) => sample.name === name + suffix));
    if (type === 'histogram') requireRising(name, own);
    return { name, help: helps.get(name) ?? '', type, samples: own };
  });
  const known = families.reduce((sum, family) => sum + family.samples.length, 0);
  if (known !== samples.length) throw new Error('a sample belongs to no family that the page declares');
  return new Map(families.map((family) => [family.name, family]));
}

/** Of the series with these labels; of a histogram, its count. */
export function seriesValue(
  page: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = page.get(name);
  const wanted = family?.type === 'histogram' ? `${name}_count` : name;
  return family?.samples.find(
    (sample) =>
      sample.name === wanted &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value;
}

function numberOf(name: string, text: string): number {
  const value = text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text);
  if (text === '' || Number.isNaN(value)) throw new Error(`the value of ${name} is no number: ${text}`);
  return value;
}

/** The buckets of each series rise, and the last one is the count. */
function requireRising(name: string, samples: readonly Sample[]): void {
  const series = Map.groupBy(samples, ({ labels: { le: _, ...labels } }) => JSON.stringify(labels));
  for (const [labels, own] of series) {
    const counts = own.filter((sample) => sample.name === `${name}_bucket`).map(({ value }) => value);
    const count = own.find((sample) => sample.name === `${name}_count`)?.value;
    const isRising = counts.every((value, index) => index === 0 || value >= (counts[index - 1] ?? 0));
    if (!isRising || counts.at(-1) !== count)
      throw new Error(`the buckets of ${name}${labels} do not add up`);
  }
}

export interface Documented {
  readonly name: string;
  readonly labels: readonly string[];
  readonly type: string;
  readonly modes: readonly string[];
  readonly page: string;
  readonly help: string;
}

/** The rows of docs/metrics.md. */
export function documentedMetrics(): Documented[] {
  const text = readFileSync(resolve(import.meta.dirname, '../../docs/metrics.md'), 'utf8');
  return text.split('\n').flatMap((line): Documented[] => {
    const match = /^\| `(\w+)(?:\{([\w,]+)\})?` \| (\w+) \| ([\w, ]+) \| (\w+) \| (.+) \|$/.exec(line);
    if (!match) return [];
    const [, name = '', labels = '', type = '', modes = '', page = '', help = ''] = match;
    return [{ name, labels: labels.split(',').filter(Boolean), type, modes: modes.split(', '), page, help }];
  });
}
