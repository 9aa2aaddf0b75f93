import { createRequire } from 'node:module';
import chromium from '@sparticuz/chromium';
import { type Browser, type Page, chromium as playwright } from 'playwright-core';

/** Those of the list that make a browser laxer than a user's, or keep it in one process, which ends with its first page. */
const NOT_WANTED = /web-security|insecure-content|isolation|IsolateOrigins|single-process|no-zygote/;

export async function launch(): Promise<Browser> {
  return playwright.launch({
    executablePath: await chromium.executablePath(),
    args: chromium.args.filter((argument) => !NOT_WANTED.test(argument)),
    headless: true,
  });
}

export interface View {
  readonly width: number;
  readonly height: number;
  readonly scheme: 'light' | 'dark';
}

export interface Watched extends AsyncDisposable {
  readonly page: Page;
  /** What the browser complained about, what it refused by the policy, and what it asked of others. */
  readonly faults: readonly string[];
}

/** A page in a profile of its own. */
export async function openPage(browser: Browser, origin: string, view: View): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width: view.width, height: view.height },
    colorScheme: view.scheme,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(8_000);
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) faults.push(`asked elsewhere: ${request.url()}`);
  });
  return { page, faults, [Symbol.asyncDispose]: () => context.close() };
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** The rules of axe that the page breaks, each with where. Run beside the page, as its policy lets no script in. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  const path = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  const { readFileSync } = await import('node:fs');
  // By the debugger, which the page's policy does not hold for.
  await page.evaluate(readFileSync(path, 'utf8'));
  const violations = await page.evaluate<Violation[]>(
    `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => ({ html, failureSummary })) })))`,
  );
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes[0]?.failureSummary} at ${nodes[0]?.html.slice(0, 200)}`,
  );
}
