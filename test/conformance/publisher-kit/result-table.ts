export interface KitOutcome {
  readonly text: string;
  readonly failure: unknown;
}

/** Client by clause, for the decision that publishes it. */
export function resultTable(): {
  add(client: string, clause: string, outcome: KitOutcome): void;
  toMarkdown(): string;
} {
  const clauses = new Map<string, Map<string, string>>();
  const clients = new Set<string>();
  return {
    add: (client, clause, { text, failure }) => {
      clients.add(client);
      const row = clauses.get(clause) ?? new Map<string, string>();
      clauses.set(clause, row);
      const word = failure === undefined ? 'passed' : 'FAILED';
      row.set(client, text === '' ? word : `${word} (${text.split('\n')[0]})`);
    },
    toMarkdown: () => {
      const names = [...clients];
      const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
      return [
        line(['', ...names]),
        line(['---', ...names.map(() => '---')]),
        ...[...clauses].map(([clause, row]) => line([clause, ...names.map((name) => row.get(name) ?? '')])),
      ].join('\n');
    },
  };
}
