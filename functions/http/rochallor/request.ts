import type { HttpEvent } from '../shape.ts';

export function param({ pathParameters }: HttpEvent, name: string): string {
  return pathParameters?.[name] ?? '';
}

/** Numbers that make no sense are as good as none. */
export function pageQuery({ queryStringParameters: query = {} }: HttpEvent) {
  return { page: toNumber(query['page']), pageSize: toNumber(query['pageSize']) };
}

function toNumber(text = ''): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}
