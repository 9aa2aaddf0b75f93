import type { NodeState } from './drawing.ts';

export const colours: Readonly<Record<NodeState, { readonly fill: string; readonly line: string }>> = {
  idle: { fill: '#f6f8fa', line: '#8c959f' },
  running: { fill: '#ddf4ff', line: '#0969da' },
  completed: { fill: '#dafbe1', line: '#1a7f37' },
  failed: { fill: '#ffebe9', line: '#cf222e' },
  cancelled: { fill: '#fff8c5', line: '#9a6700' },
};
