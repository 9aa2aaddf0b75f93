import type { Reporter, TestModule } from 'vitest/node';

/** The last line of the run, in words a script can read whatever the terminal is: `N passed, N failed, N skipped`. */
export default class PlainSummaryReporter implements Reporter {
  // What stands if the run ends before any result, for instance because a backend did not start.
  #counts = { passed: 0, failed: 1, skipped: 0 };

  onInit(): void {
    // At exit, after the other reporters and the teardown have said their last.
    process.once('exit', (code) => {
      const { passed, skipped } = this.#counts;
      // A run can fail with no test at fault: a backend that did not start, an error in the teardown.
      const failed = code === 0 ? this.#counts.failed : Math.max(1, this.#counts.failed);
      const missing = process.env['WE_TEST_KAFKA_MISSING'];
      if (missing !== undefined) process.stdout.write(`Kafka tests were skipped. ${missing}\n`);
      process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      // A file that cannot be loaded holds no test that could fail.
      counts.failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        counts[state === 'pending' ? 'skipped' : state] += 1;
      }
    }
    this.#counts = counts;
  }
}
