import { type Panel, type Section, sections } from './panels.ts';

const WIDTH = 24;
const COLUMNS = 3;
const HEIGHT = 8;

/** The dashboard as Grafana imports it; any data source of Prometheus can be chosen in it. */
export function grafanaDashboard(): string {
  const panels: object[] = [];
  let y = 0;
  for (const section of sections) {
    panels.push(rowOf(section, y, panels.length));
    section.panels.forEach((panel, place) => {
      const at = {
        x: (place % COLUMNS) * (WIDTH / COLUMNS),
        y: y + 1 + Math.floor(place / COLUMNS) * HEIGHT,
      };
      panels.push(panelOf(panel, at, panels.length));
    });
    y += 1 + Math.ceil(section.panels.length / COLUMNS) * HEIGHT;
  }
  return `${JSON.stringify({ ...FRAME, panels }, null, 2)}\n`;
}

const SOURCE = { type: 'prometheus', uid: '${source}' };

const FRAME = {
  uid: 'millrace',
  title: 'Millrace',
  tags: ['millrace'],
  schemaVersion: 39,
  editable: true,
  graphTooltip: 1,
  refresh: '10s',
  time: { from: 'now-1h', to: 'now' },
  templating: { list: [{ name: 'source', label: 'Data source', type: 'datasource', query: 'prometheus' }] },
};

function rowOf({ title }: Section, y: number, id: number): object {
  return {
    id: id + 1,
    type: 'row',
    title,
    collapsed: false,
    gridPos: { x: 0, y, w: WIDTH, h: 1 },
    panels: [],
  };
}

function panelOf(panel: Panel, at: { x: number; y: number }, id: number): object {
  const { title, description, unit, series, kind = 'timeseries' } = panel;
  return {
    id: id + 1,
    type: kind,
    title,
    description,
    datasource: SOURCE,
    gridPos: { ...at, w: WIDTH / COLUMNS, h: HEIGHT },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: series.map(({ expression, name }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: SOURCE,
      expr: expression,
      legendFormat: name,
    })),
  };
}
