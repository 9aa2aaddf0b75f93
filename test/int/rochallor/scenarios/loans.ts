import { expect, test } from 'vitest';
import { loanApproval } from '../definitions.ts';
import type { DialectStack } from '../stack.ts';

/** The example that the original's documentation tells its story with. */
export function testLoans({ client, start, until }: DialectStack): void {
  test.each([
    ['approves a good score by itself', { amount: 1000 }, false, 'approved'],
    ['asks a person about a middling one', { amount: 1000, score: 650 }, true, 'approved'],
    ['asks a person about a large amount', { amount: 600_000_000 }, true, 'approved'],
    ['rejects a low score', { amount: 1000, score: 300 }, false, 'rejected'],
    ['rejects likely fraud', { amount: 1000, fraud: 90 }, false, 'rejected'],
  ])('the loan approval %s', async (_, variables, isReviewed, decision) => {
    const { id } = await start(loanApproval('LOS::loan'), variables);
    if (isReviewed) {
      await until(id, 'WAITING');
      await client.completeUserTask(id, 'review');
    }
    expect((await until(id, 'COMPLETED')).variables).toMatchObject({ decision });
  });
}
