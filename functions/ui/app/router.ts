import { useEffect, useState } from 'preact/hooks';
import { pathWith, type Query } from './api.ts';

/** Which view is shown: in the fragment, so that the server has one page and every view a link. */
export interface Route {
  /** `jobs`, or `jobs/<id>` in two parts. */
  readonly page: string;
  readonly id: string | undefined;
  readonly query: Query;
}

export function link(page: string, { id, query = {} }: { id?: string; query?: Query } = {}): string {
  const path = id === undefined ? page : `${page}/${encodeURIComponent(id)}`;
  return `#/${pathWith(path, query)}`;
}

export function go(to: string): void {
  location.hash = to;
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parse(location.hash));
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return route;
}

function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [page = '', id] = path.split('/', 2);
  return {
    page: page || 'overview',
    id: id && decode(id),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
