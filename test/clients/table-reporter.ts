import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** What was shown, a row a test: for a person, or for a file that keeps it. */
export default class TableReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = modules.flatMap((module) => [...module.children.allTests()].map(row));
    if (rows.length === 0) return;
    const lines = ['', '| who | what | result | seconds |', '| --- | --- | --- | ---: |', ...rows, ''];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}

function row(test: TestCase): string {
  const who = test.parent.type === 'suite' ? test.parent.name : '';
  const seconds = (test.diagnostic()?.duration ?? 0) / 1000;
  return `| ${who} | ${test.name} | ${test.result().state} | ${seconds.toFixed(1)} |`;
}
