/** A function that is deployed: one folder in `dist/functions/`, one zip. */
export interface Target {
  readonly name: string;
  readonly entry: string;
  /** Of the bundle, in bytes: what a cold start has to read and parse. A test holds it. */
  readonly limit: number;
  /** Copied beside the bundle. */
  readonly assets?: readonly string[];
}

const KB = 1_000;

export const targets: readonly Target[] = [
  { name: 'http', entry: 'functions/http/main.ts', limit: 400 * KB },
  { name: 'rochallor', entry: 'functions/http/rochallor/main.ts', limit: 400 * KB },
  { name: 'worker', entry: 'functions/worker/handler.ts', limit: 300 * KB },
  { name: 'duties', entry: 'functions/scheduled/duties.ts', limit: 400 * KB },
  { name: 'migrate', entry: 'functions/migrate/handler.ts', limit: 400 * KB, assets: ['migrations'] },
  { name: 'authorizer', entry: 'functions/authorizer/handler.ts', limit: 20 * KB },
];
