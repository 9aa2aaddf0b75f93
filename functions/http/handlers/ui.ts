import { MillraceError } from '../../../engine/errors.ts';
import { type Asset, readAssets } from '../../ui/assets.ts';
import { defineEndpoint } from '../endpoint.ts';
import type { HttpEvent, Reply } from '../shape.ts';

let assets: ReadonlyMap<string, Asset> | undefined;

/** The first page; which view is shown stands in the fragment. */
export const uiPage = defineEndpoint(
  { scope: 'public', replies: { 200: { description: 'The web UI.' } } },
  ({ event }) => serve('index.html', event),
);

export const uiAsset = defineEndpoint(
  { scope: 'public', name: 'asset', replies: { 200: { description: 'A file of the web UI.' } } },
  ({ name, event }) => serve(name, event),
);

export const { handler } = uiPage;

/** Nothing from elsewhere, nothing inline, no frame around it: what a job brings with it stays text. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function serve(name: string, event: HttpEvent): Reply {
  assets ??= readAssets();
  const asset = assets.get(name);
  if (!asset) throw new MillraceError('not_found', `The web UI has no file ${name}. It begins at /ui`);
  const headers = {
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
    etag: asset.etag,
  };
  const isKnown = event.headers['if-none-match'] === asset.etag;
  return isKnown
    ? { status: 304, body: '', headers }
    : { status: 200, body: asset.text, contentType: asset.contentType, headers };
}
