import { useEffect, useState } from 'preact/hooks';
import { get } from './api.ts';

let paths: Promise<ReadonlySet<string>> | undefined;

async function readPaths(): Promise<ReadonlySet<string>> {
  const document = await get<{ paths?: Record<string, unknown> }>('/openapi.json');
  return new Set(Object.keys(document.paths ?? {}));
}

/** Whether this API has the path, so that a view leaves out what an older one could not answer. */
export function useFeature(path: string): boolean {
  const [has, setHas] = useState(false);
  useEffect(() => {
    paths ??= readPaths();
    paths.then(
      (known) => setHas(known.has(path)),
      // Asked again by the next view; this one does without.
      () => {
        paths = undefined;
      },
    );
  }, [path]);
  return has;
}
