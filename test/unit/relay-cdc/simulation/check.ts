/** An invariant. Cheaper than an assertion library's, of which a million schedules would make billions. */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`broken invariant: ${what}`);
}
