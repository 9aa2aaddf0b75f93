export interface ChunkLimits<T> {
  readonly count: number;
  readonly bytes: number;
  readonly sizeOf: (item: T) => number;
}

/** Splits into runs within both limits, in order. An item that is too large by itself stands alone. */
export function chunk<T>(items: readonly T[], limits: ChunkLimits<T>): T[][] {
  const chunks: T[][] = [];
  let open: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = limits.sizeOf(item);
    if (open.length > 0 && (open.length === limits.count || bytes + size > limits.bytes)) {
      chunks.push(open);
      open = [];
      bytes = 0;
    }
    open.push(item);
    bytes += size;
  }
  if (open.length > 0) chunks.push(open);
  return chunks;
}
