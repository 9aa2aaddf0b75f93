import type { Drawing, DrawnEdge } from './drawing.ts';

export interface Place {
  readonly layer: number;
  /** From the left. */
  readonly order: number;
}

/**
 * Where each node goes: into the layer after the last that leads to it, ways back not counted, and within the layer by the
 * middle of those that lead to it.
 */
export function placesOf({ nodes, edges }: Drawing): Place[] {
  const forward = withoutWaysBack(nodes.length, edges);
  const layers = layersOf(nodes.length, forward);
  const depth = layers.reduce((a, b) => Math.max(a, b), -1) + 1;
  const rows = Array.from({ length: depth }, (): number[] => []);
  for (const [node, layer] of layers.entries()) rows[layer]?.push(node);
  const before = nodes.map((): number[] => []);
  for (const { from, to } of forward) before[to]?.push(from);
  const orders = nodes.map(() => 0);
  for (const row of rows) {
    const middle = new Map(row.map((node) => [node, mean((before[node] ?? []).map((n) => orders[n] ?? 0))]));
    // A stable sort: without a reason to differ, the order of declaration stays.
    row.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0));
    for (const [order, node] of row.entries()) orders[node] = order;
  }
  return nodes.map((_, node) => ({ layer: layers[node] ?? 0, order: orders[node] ?? 0 }));
}

function mean(numbers: readonly number[]): number {
  return numbers.length === 0 ? 0 : numbers.reduce((a, b) => a + b, 0) / numbers.length;
}

/** Without recursion: a chain may be thousands of steps long. */
function withoutWaysBack(count: number, edges: readonly DrawnEdge[]): DrawnEdge[] {
  const out = Array.from({ length: count }, (): DrawnEdge[] => []);
  for (const edge of edges) out[edge.from]?.push(edge);
  const done = new Set<number>();
  const open = new Set<number>();
  const forward: DrawnEdge[] = [];
  for (let root = 0; root < count; root += 1) {
    const stack = [{ node: root, ways: [...(out[root] ?? [])] }];
    if (done.has(root)) continue;
    open.add(root);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const edge = top.ways.shift();
      if (!edge) {
        open.delete(top.node);
        done.add(top.node);
        stack.pop();
      } else if (!open.has(edge.to)) {
        forward.push(edge);
        if (done.has(edge.to)) continue;
        open.add(edge.to);
        stack.push({ node: edge.to, ways: [...(out[edge.to] ?? [])] });
      }
    }
  }
  return forward;
}

/** The longest way to each node, taken in the order in which all before it are known. */
function layersOf(count: number, forward: readonly DrawnEdge[]): number[] {
  const layers = Array.from({ length: count }, () => 0);
  const waiting = Array.from({ length: count }, () => 0);
  const out = Array.from({ length: count }, (): number[] => []);
  for (const { from, to } of forward) {
    waiting[to] = (waiting[to] ?? 0) + 1;
    out[from]?.push(to);
  }
  const ready = waiting.flatMap((left, node) => (left === 0 ? [node] : []));
  for (const node of ready) {
    for (const next of out[node] ?? []) {
      layers[next] = Math.max(layers[next] ?? 0, (layers[node] ?? 0) + 1);
      const left = (waiting[next] ?? 0) - 1;
      waiting[next] = left;
      if (left === 0) ready.push(next);
    }
  }
  return layers;
}
