import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { grafanaDashboard } from '../../../infra/dashboards/grafana.ts';

test("Grafana's dashboard is made from the panels", async () => {
  await expect(grafanaDashboard()).toMatchFileSnapshot(
    resolve(import.meta.dirname, '../../../infra/dashboards/millrace.json'),
  );
});
