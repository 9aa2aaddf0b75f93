import type { SourceFile, SourceImport } from './architecture-sources.ts';

/** A rule of the architecture. What it finds is told together with its reason. */
export interface Rule {
  readonly name: string;
  readonly reason: string;
  readonly violations: (sources: readonly SourceFile[]) => string[];
}

/** Who may import whom. A folder may always import itself; `cli` and `test` may import anything but `test`. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  events: [],
  engine: ['events'],
  adapters: ['engine', 'events'],
  sdk: ['engine', 'events'],
  functions: ['adapters', 'engine', 'events', 'sdk', 'millrace.config.ts'],
  'relay-cdc': ['adapters', 'engine', 'events'],
  cli: ['adapters', 'engine', 'events', 'sdk', 'functions', 'relay-cdc', 'millrace.config.ts'],
  'millrace.config.ts': ['sdk'],
  examples: ['sdk'],
};

/** Packages that only some folders may use, at run time or for types. */
const CONFINED: readonly { readonly packages: RegExp; readonly to: readonly string[] }[] = [
  { packages: /^pg(\/|$)/, to: ['adapters/postgres/', 'relay-cdc/', 'cli/dev/'] },
  { packages: /^pg-logical-replication(\/|$)/, to: ['relay-cdc/'] },
  {
    packages: /^(kafkajs|@platformatic\/kafka|@confluentinc\/kafka-javascript|node-rdkafka)(\/|$)/,
    to: ['adapters/kafka/', 'cli/dev/backends/'],
  },
  { packages: /^@nats-io\//, to: ['adapters/nats/'] },
  { packages: /^@aws-sdk\/client-kinesis$/, to: ['adapters/kinesis/'] },
  { packages: /^etcd3$/, to: ['adapters/etcd/'] },
  { packages: /^@redis\//, to: ['adapters/redis/'] },
  { packages: /^mysql2(\/|$)/, to: ['adapters/mysql/'] },
];

const FOLDERS_FOR_UNDECIDED = /(^|\/)(src|lib|utils|common|shared|types|services)\//;
const MAX_LINES = 400;

export const rules: readonly Rule[] = [
  {
    name: 'imports point down the layer table',
    reason: 'a rule that knows its callers cannot be tested or replaced without them',
    violations: everyImport((from, { own, target }) => own && !mayImport(from, target)),
  },
  {
    name: 'an adapter does not import another adapter',
    reason: 'each technology must be replaceable by itself',
    violations: everyImport((from, { own, target }) => {
      const [adapter, other] = [adapterOf(from), adapterOf(target)];
      return own && adapter !== undefined && other !== undefined && adapter !== other;
    }),
  },
  {
    name: 'the engine and the events use no I/O, clock, randomness or console',
    reason: 'deciding must be a pure function, or its tables of tests prove nothing',
    violations: (sources) =>
      sources
        .filter(({ path }) => /^(engine|events)\//.test(path))
        .flatMap(({ path, code, imports }) => [
          ...imports
            .filter(
              ({ own, target }) => !own && !target.startsWith('@bufbuild/protobuf') && target !== 'jsep',
            )
            .map(({ target }) => `${path} imports ${target}`),
          ...found(
            path,
            code,
            /\b(process\.|console\.|Math\.random|Date\.now|new Date\(\)|setTimeout|fetch\()/,
          ),
        ]),
  },
  {
    name: 'a driver is used only where its adapter is',
    reason: 'what else uses it would have to change when the technology does',
    violations: everyImport((from, { own, target }) =>
      CONFINED.some(
        ({ packages, to }) => !own && packages.test(target) && !to.some((folder) => from.startsWith(folder)),
      ),
    ),
  },
  {
    name: 'only config.ts files and cli/ read the environment',
    reason: 'a variable read elsewhere is not validated, not documented, and not found',
    violations: (sources) =>
      sources
        // A program of its own has nobody to hand it its environment.
        .filter(({ path }) => !/^(cli|test)\/|(^|\/)config\.ts$|^examples\/\w+\/main\.ts$/.test(path))
        .flatMap(({ path, code }) => found(path, code, /\bprocess\.env\b/)),
  },
  {
    name: 'there are no import cycles at run time',
    reason: 'in a cycle some file runs before what it needs is there',
    violations: cycles,
  },
  {
    name: 'nothing but sdk/ has an index.ts',
    reason: 'barrels hide who uses what and end as import cycles',
    violations: (sources) =>
      sources
        .filter(({ path }) => /(^|\/)index\.ts$/.test(path) && path !== 'sdk/index.ts')
        .map(({ path }) => path),
  },
  {
    name: 'no folder is named for "undecided"',
    reason: 'what lies in utils or shared belongs to something that has a name',
    violations: (sources) =>
      sources.map(({ path }) => path).filter((path) => FOLDERS_FOR_UNDECIDED.test(path)),
  },
  {
    name: `a file has at most ${MAX_LINES} lines, or a comment "Long because …"`,
    reason: 'a file is one idea; over 250 lines it mostly holds two',
    violations: (sources) =>
      sources
        .filter(
          ({ text }) => text.split('\n').length > MAX_LINES && !/^\s*(\/\/|\*).*Long because /m.test(text),
        )
        .map(({ path, text }) => `${path} has ${text.split('\n').length} lines`),
  },
];

/** Test code may do what it likes with the rest; everything else is held to the rule. */
function everyImport(forbidden: (from: string, imported: SourceImport) => boolean): Rule['violations'] {
  return (sources) =>
    sources
      .filter(({ path }) => MAY_IMPORT[topOf(path)] !== undefined)
      .flatMap(({ path, imports }) =>
        imports
          .filter((imported) => forbidden(path, imported))
          .map(({ target }) => `${path} imports ${target}`),
      );
}

function mayImport(from: string, target: string): boolean {
  const [own, other] = [topOf(from), topOf(target)];
  // The testing kit is the engine over a store in memory, and no part of what a service deploys.
  if (/^sdk\/testing\b/.test(from) && /^adapters\/(memory|system)\//.test(target)) return true;
  // They show how the parts go together, which is what they are made of.
  if (/^examples\/compositions\//.test(from) && /^(adapters|engine)\//.test(target)) return true;
  return own === other || (MAY_IMPORT[own] ?? []).includes(other);
}

function topOf(path: string): string {
  return path.split('/', 1)[0] ?? path;
}

/** The folder of an adapter; undefined for what all adapters may use. */
function adapterOf(path: string): string | undefined {
  return /^adapters\/([^/]+)\//.exec(path)?.[1];
}

function found(path: string, code: string, pattern: RegExp): string[] {
  return code.split('\n').flatMap((line, index) => {
    const match = pattern.exec(line);
    return match ? [`${path}:${index + 1} uses ${match[0]}`] : [];
  });
}

/** Each cycle once, as the path around it. Imports of types are gone at run time, and `import()` comes later. */
function cycles(sources: readonly SourceFile[]): string[] {
  const graph = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports
        .filter(({ own, typeOnly, dynamic }) => own && !typeOnly && !dynamic)
        .map(({ target }) => target),
    ]),
  );
  const done = new Set<string>();
  const around: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      around.push([...trail.slice(start), path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return around;
}
