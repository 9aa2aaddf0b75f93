import { colours } from './colours.ts';
import { caption, type Drawing, type DrawnEdge, type DrawnNode } from './drawing.ts';
import { type Place, placesOf } from './layout.ts';

const NODE = { width: 190, height: 48, gapX: 40, gapY: 56 };
const MARGIN = 24;
const TITLE_HEIGHT = 32;
const FONT = 'font-family="system-ui, sans-serif"';

/** An SVG document without scripts, links or styles from elsewhere. */
export function toSvg(drawing: Drawing): string {
  const { title, nodes, edges } = drawing;
  const canvas = new Canvas(placesOf(drawing));
  const { width, height } = canvas;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">' +
      '<path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${MARGIN}" y="24" ${FONT} font-size="15" font-weight="600" fill="#1f2328">${escaped(title)}</text>`,
    ...edges.map((edge) => edgeMarkup(edge, canvas)),
    ...nodes.map((node, index) => nodeMarkup(node, canvas.at(index))),
    '</svg>',
    '',
  ].join('\n');
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Turns places into points, each row in the middle. */
class Canvas {
  readonly width: number;
  readonly height: number;
  readonly #places: readonly Place[];
  readonly #rows: number[] = [];

  constructor(places: readonly Place[]) {
    this.#places = places;
    for (const { layer } of places) this.#rows[layer] = (this.#rows[layer] ?? 0) + 1;
    const widest = this.#rows.reduce((a, b) => Math.max(a, b), 1);
    // Room at the right for ways back and those past other steps.
    this.width = 2 * MARGIN + widest * (NODE.width + NODE.gapX) + 80;
    this.height = TITLE_HEIGHT + 2 * MARGIN + this.#rows.length * (NODE.height + NODE.gapY) - NODE.gapY;
  }

  /** The middle of the node's upper side. */
  at(index: number): Point {
    const { layer, order } = this.place(index);
    const inRow = this.#rows[layer] ?? 1;
    const middle = (this.width - 80) / 2;
    return {
      x: middle + (order - (inRow - 1) / 2) * (NODE.width + NODE.gapX),
      y: TITLE_HEIGHT + MARGIN + layer * (NODE.height + NODE.gapY),
    };
  }

  place(index: number): Place {
    return this.#places[index] ?? { layer: 0, order: 0 };
  }
}

function nodeMarkup(node: DrawnNode, { x, y }: Point): string {
  const { fill, line } = colours[node.state];
  const left = x - NODE.width / 2;
  const text = `x="${x}" text-anchor="middle" ${FONT} fill="#1f2328"`;
  const radius = node.kind === 'END' ? NODE.height / 2 : 6;
  return [
    `<g data-state="${node.state}"><title>${escaped(node.name)}: ${node.state}</title>`,
    `<rect x="${left}" y="${y}" width="${NODE.width}" height="${NODE.height}" rx="${radius}" fill="${fill}" stroke="${line}" stroke-width="1.5"/>`,
    `<text ${text} y="${y + 20}" font-size="13">${escaped(clipped(node.name, 26))}</text>`,
    `<text ${text} y="${y + 37}" font-size="11" opacity="0.65">${escaped(caption(node))}</text></g>`,
  ].join('');
}

function edgeMarkup({ from, to, label, dashed }: DrawnEdge, canvas: Canvas): string {
  const [start, end] = [canvas.at(from), canvas.at(to)];
  const isNext = canvas.place(to).layer === canvas.place(from).layer + 1;
  const { path, middle } = isNext ? straight(start, end) : around(start, end);
  const dash = dashed ? ' stroke-dasharray="5 4"' : '';
  const line = `<path d="${path}" fill="none" stroke="#57606a"${dash} marker-end="url(#tip)"/>`;
  if (label === '') return line;
  const text = escaped(clipped(label, 34));
  const place = `x="${middle.x}" y="${middle.y}" text-anchor="middle" ${FONT} font-size="11" fill="#57606a"`;
  return `${line}<text ${place} paint-order="stroke" stroke="#ffffff" stroke-width="4">${text}</text>`;
}

function straight(start: Point, end: Point) {
  const y = start.y + NODE.height;
  const bend = (end.y - y) / 2;
  return {
    path: `M${start.x} ${y}C${start.x} ${y + bend} ${end.x} ${end.y - bend} ${end.x} ${end.y}`,
    middle: { x: (start.x + end.x) / 2, y: y + bend + 4 },
  };
}

/** By the side of the nodes, for a way back or past other steps. */
function around(start: Point, end: Point) {
  const [x1, y1] = [start.x + NODE.width / 2, start.y + NODE.height / 2];
  const [x2, y2] = [end.x + NODE.width / 2, end.y + NODE.height / 2];
  const x = Math.max(x1, x2) + 60;
  return { path: `M${x1} ${y1}C${x} ${y1} ${x} ${y2} ${x2} ${y2}`, middle: { x: x - 12, y: (y1 + y2) / 2 } };
}

function clipped(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
}
