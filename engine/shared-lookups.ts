import type { DefinitionRecord, DefinitionSource } from './workflow/definitions.ts';

type Lookup = DefinitionSource['getDefinition'];

/**
 * Definitions looked up by many at the same time: those who ask while a lookup is under way share the next one. So each has an
 * answer that was read after it asked, and a new version is seen at once, and any number of callers cost one statement at a time.
 */
export function sharedLookups(lookUp: Lookup): Lookup {
  const running = new Map<string, Promise<DefinitionRecord | undefined>>();
  const waiting = new Map<string, Promise<DefinitionRecord | undefined>>();
  return (id, version, tenant) => {
    const key = JSON.stringify([id, version, tenant]);
    const begin = () => {
      waiting.delete(key);
      const mine = lookUp(id, version, tenant).finally(() => {
        if (running.get(key) === mine) running.delete(key);
      });
      running.set(key, mine);
      return mine;
    };
    const next = waiting.get(key);
    if (next) return next;
    const before = running.get(key);
    if (!before) return begin();
    const after = before.then(begin, begin);
    waiting.set(key, after);
    return after;
  };
}
