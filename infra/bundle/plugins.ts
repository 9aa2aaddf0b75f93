import type { Plugin } from 'esbuild';
import { readAssets } from '../../functions/ui/assets.ts';

/**
 * What they load and a Lambda never uses: of prom-client summaries, exemplars, the measures of a process, and what it pushes or
 * shares between processes; pg's binding to libpq, and passwords in a file at home.
 */
const UNUSED = {
  'prom-client':
    /^(tdigest|@opentelemetry\/api|\.\/lib\/(defaultMetrics|pushgateway|cluster)|\.\/(summary|timeWindowQuantiles))$/,
  pg: /^(\.\/native|pgpass)$/,
} as const;

/** In the place of each a function that finds nothing, which is what pg asks pgpass for. */
export const withoutUnused: Plugin = {
  name: 'without-unused',
  setup({ onResolve, onLoad }) {
    for (const [name, modules] of Object.entries(UNUSED)) {
      onResolve({ filter: modules }, ({ path, importer }) =>
        importer.includes(`/node_modules/${name}/`) ? { path, namespace: 'unused' } : undefined,
      );
    }
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({
      contents: 'module.exports = (_, found) => found?.()',
    }));
  },
};

/** The files of the web UI as they are served, in the place of what makes them: a bundle has neither `app/` nor preact's package beside it. */
export const withUiAssets: Plugin = {
  name: 'with-ui-assets',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]functions[/\\]ui[/\\]assets\.ts$/ }, () => ({
      contents: `export const readAssets = () => new Map(${JSON.stringify([...readAssets()])});`,
    }));
  },
};

const KAFKA_CLIENT = '@platformatic/kafka';

/**
 * Kafka's client re-exports its schema registries and every version of every message, and does not say that what is not used may
 * be left out. No module of it does anything when it is read.
 */
export const onlyWhatIsUsed: Plugin = {
  name: 'only-what-is-used',
  setup(build) {
    const isAsked = Symbol('the second time, by this plugin itself');
    build.onResolve({ filter: /^(@platformatic\/kafka$|\.)/ }, async ({ path, pluginData, ...from }) => {
      const isIts = path === KAFKA_CLIENT || from.importer.includes(`/node_modules/${KAFKA_CLIENT}/`);
      if (!isIts || pluginData === isAsked) return undefined;
      const found = await build.resolve(path, { ...from, pluginData: isAsked });
      return { ...found, sideEffects: false };
    });
  },
};
