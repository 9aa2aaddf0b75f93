import { colours } from './colours.ts';
import { caption, type Drawing, type DrawnEdge, type DrawnNode, nodeStates } from './drawing.ts';

/** Shapes by what a step does: decisions are rhombs, gateways hexagons, ends rounded. */
const SHAPES: Readonly<Partial<Record<DrawnNode['kind'], readonly [string, string]>>> = {
  DECISION: ['{"', '"}'],
  DECISION_TABLE: ['{"', '"}'],
  PARALLEL_GATEWAY: ['{{"', '"}}'],
  JOIN_GATEWAY: ['{{"', '"}}'],
  END: ['(["', '"])'],
};

/** Mermaid's flowchart text. Nothing of a definition gets into it but quoted, with every sign that means something as a code. */
export function toMermaid({ title, nodes, edges }: Drawing): string {
  const lines = [
    '---',
    // Not quoted as below: codes are not read here.
    `title: "${title.replaceAll(/[^\p{L}\p{N} .,:…()_-]/gu, ' ')}"`,
    '---',
    'flowchart TD',
    ...nodes.map(nodeLine),
    ...edges.map(edgeLine),
    ...nodeStates.map((state) => {
      const { fill, line } = colours[state];
      return `  classDef ${state} fill:${fill},stroke:${line},color:#1f2328`;
    }),
  ];
  return `${lines.join('\n')}\n`;
}

function nodeLine(node: DrawnNode, index: number): string {
  const [open, close] = SHAPES[node.kind] ?? ['["', '"]'];
  return `  n${index}${open}${quoted(node.name)}<br/>${quoted(caption(node))}${close}:::${node.state}`;
}

function edgeLine({ from, to, label, dashed }: DrawnEdge): string {
  const arrow = dashed ? '-.->' : '-->';
  return `  n${from} ${arrow}${label === '' ? '' : `|"${quoted(label)}"|`} n${to}`;
}

/** Letters, digits and signs without a meaning stay; the rest are codes, which Mermaid shows as text. */
function quoted(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N} .,:…×_-]/gu, (sign) => `#${sign.codePointAt(0)};`);
}
