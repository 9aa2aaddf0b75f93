import { h } from 'preact';

const HEIGHT = 48;
const BAR = 5;

interface Bars {
  readonly label: string;
  readonly accepted: readonly number[];
  readonly completed: readonly number[];
}

/** Accepted beside completed, five seconds a bar. What it shows is in the figures next to it too. */
export function Chart({ label, accepted, completed }: Bars) {
  const most = Math.max(1, ...accepted, ...completed);
  const bars = (values: readonly number[], kind: string, shift: number) =>
    values.map((value, index) => {
      const height = (value / most) * HEIGHT;
      return h('rect', { class: kind, x: index * BAR + shift, y: HEIGHT - height, width: 2, height });
    });
  return h(
    'figure',
    null,
    h(
      'svg',
      {
        viewBox: `0 0 ${accepted.length * BAR} ${HEIGHT}`,
        preserveAspectRatio: 'none',
        role: 'img',
        'aria-label': label,
      },
      bars(accepted, 'accepted', 0),
      bars(completed, 'completed', 2),
    ),
    h(
      'figcaption',
      null,
      h('span', { class: 'key accepted' }, 'accepted'),
      h('span', { class: 'key completed' }, 'completed'),
      h('span', { class: 'muted' }, `last 5 minutes, at most ${most} in 5 s`),
    ),
  );
}
