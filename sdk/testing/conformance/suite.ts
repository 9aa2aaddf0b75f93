/** Of the test runner: `node:test`, vitest, jest and mocha have both. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, check: () => Promise<void>) => unknown;
}

/** What every adapter under test comes with. */
export interface UnderTest extends Partial<AsyncDisposable> {
  /** How long what must happen may take, in milliseconds; 30 s unless given. */
  readonly within?: number;
}

export interface SuiteOptions<Subject extends UnderTest> extends TestRunner {
  /** Opens an adapter for one check. It is disposed of afterwards, where it can be. */
  readonly open: () => Promise<Subject>;
}

/** One clause of a port's contract, as named checks, each of which rejects when it is broken. */
export interface Clause<Subject extends UnderTest> {
  /** As in the port's comment. */
  readonly number: number;
  readonly title: string;
  readonly checks: Readonly<Record<string, (subject: Subject) => Promise<void>>>;
}

/** Registers every check with the test runner. */
export function runClauses<Subject extends UnderTest>(
  name: string,
  clauses: readonly Clause<Subject>[],
  { describe, it, open }: SuiteOptions<Subject>,
): void {
  describe(name, () => {
    for (const { number, title, checks } of clauses) {
      describe(`${number}. ${title}`, () => {
        for (const [sentence, check] of Object.entries(checks)) it(sentence, () => checkOne(check, open));
      });
    }
  });
}

/** The numbers of the clauses that an adapter breaks: for tests that a suite catches what it must. */
export async function brokenClauses<Subject extends UnderTest>(
  clauses: readonly Clause<Subject>[],
  open: () => Promise<Subject>,
): Promise<number[]> {
  const results = await Promise.all(
    clauses.flatMap(({ number, checks }) =>
      Object.values(checks).map((check) =>
        checkOne(check, open).then(
          () => [],
          () => [number],
        ),
      ),
    ),
  );
  return [...new Set(results.flat())].sort((a, b) => a - b);
}

export function patienceOf({ within = 30_000 }: UnderTest): number {
  return within;
}

async function checkOne<Subject extends UnderTest>(
  check: (subject: Subject) => Promise<void>,
  open: () => Promise<Subject>,
): Promise<void> {
  const subject = await open();
  try {
    await check(subject);
  } finally {
    await subject[Symbol.asyncDispose]?.();
  }
}
