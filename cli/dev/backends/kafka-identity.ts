import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServerIdentity } from './certificate.ts';

/** The certificate of the secured listener, made once per directory: clients may keep the authority's file. */
export async function ensureIdentity(dir: string): Promise<{ caPath: string; keyStorePath: string }> {
  const paths = { caPath: join(dir, 'ca.pem'), keyStorePath: join(dir, 'broker.pem') };
  const identity = createServerIdentity(new Date());
  const kept = await keepFile(paths.keyStorePath, identity.keyStorePem + identity.caPem);
  await writeFile(paths.caPath, kept.slice(kept.lastIndexOf('-----BEGIN CERTIFICATE-----')));
  return paths;
}

/** The file's content; when absent, it is written whole or not at all. */
export async function keepFile(path: string, content: string): Promise<string> {
  const found = await readFile(path, 'utf8').catch(() => undefined);
  if (found !== undefined) return found;
  await writeFile(`${path}.unfinished`, content, { mode: 0o600 });
  await rename(`${path}.unfinished`, path);
  return content;
}
