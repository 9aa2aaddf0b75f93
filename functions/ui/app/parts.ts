import { type ComponentChildren, h } from 'preact';
import { useState } from 'preact/hooks';
import * as format from './format.ts';
import type { Live } from './live.ts';
import { link } from './router.ts';

/** The pieces that pages are made of. Text from jobs is always a text node: nothing here or elsewhere parses HTML. */

export function Page({
  title,
  children,
  actions,
}: {
  title: string;
  children?: ComponentChildren;
  actions?: ComponentChildren;
}) {
  return h(
    'div',
    null,
    h('div', { class: 'head' }, h('h1', null, title), h('div', { class: 'buttons' }, actions)),
    children,
  );
}

/** What was read, or what stands in its way; an error beside older data leaves that on the screen. */
export function Loaded<T>({ live, show }: { live: Live<T>; show: (data: T) => ComponentChildren }) {
  return h(
    'div',
    null,
    live.error && h('p', { class: 'problem', role: 'alert' }, live.error.message),
    live.data === undefined && !live.error && h('p', { class: 'muted' }, 'Loading …'),
    live.data !== undefined && show(live.data),
  );
}

const MARKS: Readonly<Record<string, string>> = {
  pending: '○',
  queued: '◔',
  initiated: '○',
  running: '◑',
  retrying: '↻',
  paused: '‖',
  completed: '●',
  failed: '✕',
  dead_letter: '✕',
  cancelled: '–',
};

/** Never by colour alone. */
export function Status({ status }: { status: string }) {
  const kind = status in MARKS ? status : 'pending';
  return h(
    'span',
    { class: `status ${kind}` },
    h('span', { 'aria-hidden': 'true' }, `${MARKS[kind]} `),
    status.replaceAll('_', ' '),
  );
}

export function When({ at }: { at: string | null }) {
  if (at === null) return h('span', { class: 'muted' }, '–');
  return h('time', { dateTime: at, title: format.time(at) }, format.ago(at));
}

export interface Column<T> {
  readonly name: string;
  readonly cell: (row: T) => ComponentChildren;
  readonly numeric?: boolean;
}

interface TableOf<T> {
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  readonly empty: ComponentChildren;
}

/** Turns into a list of cards where the screen is narrow; each cell then says its column. */
export function Table<T>({ caption, columns, rows, keyOf, empty }: TableOf<T>) {
  if (rows.length === 0) return h('p', { class: 'empty' }, empty);
  const head = columns.map(({ name, numeric }) => h('th', { scope: 'col', class: numeric ? 'n' : '' }, name));
  const body = rows.map((row) =>
    h(
      'tr',
      { key: keyOf(row) },
      columns.map(({ name, cell, numeric }) =>
        h('td', { 'data-name': name, class: numeric ? 'n' : '' }, cell(row)),
      ),
    ),
  );
  return h(
    'table',
    null,
    h('caption', { class: 'hidden' }, caption),
    h('thead', null, h('tr', null, head)),
    h('tbody', null, body),
  );
}

export type Fact = readonly [name: string, value: ComponentChildren];

export function Facts({ facts }: { facts: readonly Fact[] }) {
  return h(
    'dl',
    { class: 'facts' },
    facts.map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value ?? '–'))),
  );
}

export function Card({ title, children }: { title: string; children?: ComponentChildren }) {
  return h('section', { class: 'card' }, h('h2', null, title), children);
}

const FOLDED = 4_000;

/** JSON as text, with its indentation; a long one is folded. */
export function Json({ value, name }: { value: unknown; name: string }) {
  const [open, setOpen] = useState(false);
  const text = typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? 'null');
  const isLong = text.length > FOLDED;
  return h(
    'div',
    null,
    // In the order of Tab, so that it can be scrolled without a mouse.
    h(
      'pre',
      { tabIndex: 0, role: 'region', 'aria-label': name },
      isLong && !open ? `${text.slice(0, FOLDED)} …` : text,
    ),
    isLong &&
      h(
        'button',
        { type: 'button', class: 'quiet', onClick: () => setOpen(!open) },
        open ? 'Fold' : 'Show all',
      ),
  );
}

export function IdLink({ page, id }: { page: string; id: string }) {
  return h('a', { href: link(page, { id }), class: 'id', title: id }, format.short(id));
}

interface Choice {
  readonly label: string;
  readonly name: string;
  readonly value: string | undefined;
  readonly options: readonly string[];
}

export function Select({ label, name, value, options }: Choice) {
  return h(
    'label',
    null,
    label,
    h(
      'select',
      // Keyed, not controlled: a page that is read again must not take back what somebody has just chosen.
      { name, key: value },
      h('option', { value: '' }, 'any'),
      options.map((option) =>
        h('option', { value: option, selected: option === value }, option.replaceAll('_', ' ')),
      ),
    ),
  );
}

interface Typed {
  readonly label: string;
  readonly name: string;
  readonly value: string | undefined;
  readonly type?: string;
  readonly hint?: string;
}

export function Text({ label, name, value, type = 'search', hint }: Typed) {
  return h(
    'label',
    null,
    label,
    h('input', { key: value, name, type, defaultValue: value ?? '', placeholder: hint ?? '' }),
  );
}

/** A form that becomes the query of the page; what it was filtered by is in the link. */
export function Filter({ page, children }: { page: string; children?: ComponentChildren }) {
  const submit = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    location.hash = link(page, {
      query: Object.fromEntries([...form].map(([name, value]) => [name, String(value)])),
    });
  };
  return h(
    'form',
    { class: 'filter', role: 'search', onSubmit: submit },
    children,
    h('button', { type: 'submit', class: 'primary' }, 'Filter'),
    h('a', { href: link(page), class: 'button' }, 'Clear'),
  );
}

interface Paged {
  readonly page: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly next: string | null;
}

export function Pager({ page, query, next }: Paged) {
  const { cursor, ...rest } = query;
  return h(
    'nav',
    { class: 'pager', 'aria-label': 'Pages' },
    cursor !== undefined && h('a', { class: 'button', href: link(page, { query: rest }) }, 'Newest'),
    next !== null &&
      h('a', { class: 'button', href: link(page, { query: { ...rest, cursor: next } }) }, 'Older'),
  );
}
