/** A function that is deployed: one folder in `dist/functions/`, one zip. */
export interface Target {
  readonly name: string;
  readonly entry: string;
  /** Of the bundle, in bytes: what a cold start has to read and parse. A test holds it. */
  readonly limit: number;
  /** Copied beside the bundle. */
  readonly assets?: readonly string[];
}

const KB = 1_024;

export const targets: readonly Target[] = [
  // Meant to be 400: the workflow engine, schedules and the UI's routes are read at every cold start, and should be loaded
  // by the routes that need them.
  { name: 'http', entry: 'functions/http/main.ts', limit: 520 * KB },
  { name: 'worker', entry: 'functions/worker/handler.ts', limit: 300 * KB },
  { name: 'duties', entry: 'functions/scheduled/duties.ts', limit: 400 * KB },
  { name: 'migrate', entry: 'functions/migrate/handler.ts', limit: 400 * KB, assets: ['migrations'] },
  { name: 'authorizer', entry: 'functions/authorizer/handler.ts', limit: 20 * KB },
];
