import type { PageNumber } from '../../engine/ports/paged-reads.ts';

const DEFAULT_SIZE = 20;
/** What one answer of a Lambda holds, with room for the variables. */
const MAX_SIZE = 1000;
const MAX_OFFSET = 2_147_483_647;

/** Pages are counted from 0. A number that makes no sense is as good as none. */
export function pageOf({ page, pageSize }: { readonly page: number; readonly pageSize: number }): PageNumber {
  const limit = pageSize > 0 ? Math.min(pageSize, MAX_SIZE) : DEFAULT_SIZE;
  return { limit, offset: Math.min(Math.max(0, page) * limit, MAX_OFFSET) };
}
