import type { Transaction } from '../enqueue.ts';

/** What is used of a Prisma transaction client; the library itself is not imported. */
export interface PrismaTransaction {
  $queryRawUnsafe(query: string, ...values: unknown[]): PromiseLike<unknown>;
}

/** `await prisma.$transaction((tx) => enqueue(fromPrisma(tx), job))` */
export function fromPrisma(tx: PrismaTransaction): Transaction {
  return {
    query: async (text, values) => {
      // "Unsafe" is text that was put together; this one is constant, and its values are parameters.
      const rows = await tx.$queryRawUnsafe(text, ...values);
      return { rows: Array.isArray(rows) ? rows : [] };
    },
  };
}
