import { useCallback, useEffect, useState } from 'preact/hooks';
import { get } from './api.ts';

/** Where there are no events, as in Lambda, the pages ask by themselves. */
const POLL_MS = 3_000;

type Listener = () => void;
const listeners = new Set<Listener>();
let stream: EventSource | undefined;
let poll: ReturnType<typeof setInterval> | undefined;

/** Calls back whenever the server says that time has passed, and not at all while nobody looks. */
function onTick(listener: Listener): () => void {
  listeners.add(listener);
  if (listeners.size === 1) open();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) close();
  };
}

function open(): void {
  stream = new EventSource('/ui/events');
  stream.addEventListener('tick', tick);
  stream.onerror = () => {
    // 0: the browser connects again by itself; 2: there is no such stream here.
    if (stream?.readyState === EventSource.CLOSED) poll ??= setInterval(tick, POLL_MS);
  };
}

function close(): void {
  stream?.close();
  stream = undefined;
  clearInterval(poll);
  poll = undefined;
}

function tick(): void {
  if (document.hidden) return;
  for (const listener of listeners) listener();
}

export interface Live<T> {
  readonly data: T | undefined;
  readonly error: Error | undefined;
  reload(): void;
}

/** What is at the path, read again at every tick; a request that is still under way is not overtaken by another. */
export function useLive<T>(path: string): Live<T> {
  const [state, setState] = useState<{ path: string; data?: T; error?: Error }>({ path });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const gone = new AbortController();
    let busy = false;
    const read = async () => {
      if (busy) return;
      busy = true;
      try {
        const data = await get<T>(path, gone.signal);
        setState({ path, data });
      } catch (error) {
        if (!gone.signal.aborted) {
          setState((before) => ({ ...(before.path === path ? before : { path }), error: error as Error }));
        }
      } finally {
        busy = false;
      }
    };
    const readNow = () => void read();
    readNow();
    const stop = onTick(readNow);
    return () => {
      stop();
      gone.abort();
    };
  }, [path, round]);
  const current = state.path === path ? state : undefined;
  const reload = useCallback(() => setRound((value) => value + 1), []);
  return { data: current?.data, error: current?.error, reload };
}
