import { type Mutation, notApplicable } from './mutations.ts';

export interface MutationResult {
  readonly mutation: Mutation;
  readonly outcome: 'caught' | 'SURVIVED' | 'NOT RUN';
  readonly seconds: number;
  /** The first test that failed. */
  readonly test: string;
  readonly output: string;
}

/** `docs/reliability/mutations.md`, as the runner writes it. */
export function mutationsPage(results: readonly MutationResult[]): string {
  const rows = results.map(
    ({ mutation: { id, bug, caughtBy }, outcome, seconds, test }) =>
      `| ${id} | ${bug} | ${outcome} | ${caughtBy.project}: ${test} | ${seconds} |`,
  );
  const left = Object.entries(notApplicable).map(([id, why]) => `- ${id}: ${why}`);
  return `# Known bugs, brought back to be caught

Bugs that other relays and engines have had are brought into a copy of the sources, one at a time; the tests named must fail. Made by
\`npm run mutations\`. A unit test checks that each still applies to the sources. Seconds include the start of PostgreSQL and Kafka.

| | the bug | outcome | the first test that failed | seconds |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

Not applicable here:

${left.join('\n')}
`;
}
