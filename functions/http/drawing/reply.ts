import * as z from 'zod';
import type { HttpEvent, Reply, ReplyShape } from '../shape.ts';
import type { Drawing } from './drawing.ts';
import { toMermaid } from './mermaid.ts';
import { toSvg } from './svg.ts';

export const graphFormat = z
  .enum(['mermaid', 'svg'])
  .optional()
  .meta({ description: 'Mermaid unless given, or unless `Accept` asks for image/svg+xml.' });

export const graphReply: ReplyShape = {
  description: "A flowchart as Mermaid's text, or as an SVG document.",
  contentTypes: ['text/plain', 'image/svg+xml'],
};

export function graphOf(drawing: Drawing, format: z.infer<typeof graphFormat>, event: HttpEvent): Reply {
  const accepts = (event.headers['accept'] ?? '').toLowerCase();
  if ((format ?? (accepts.includes('image/svg+xml') ? 'svg' : 'mermaid')) === 'mermaid')
    return { ...reply('text/plain; charset=utf-8'), body: toMermaid(drawing) };
  return { ...reply('image/svg+xml; charset=utf-8'), body: toSvg(drawing) };
}

/** What is drawn is from whoever uploads definitions: a browser must find nothing in it to run. */
function reply(contentType: string) {
  const headers = {
    'content-security-policy': "default-src 'none'",
    'x-content-type-options': 'nosniff',
    vary: 'accept',
  };
  return { status: 200, contentType, headers };
}
