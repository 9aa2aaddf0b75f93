import { afterAll, beforeAll, describe, it } from 'vitest';
import { eventBusSuite } from '../../sdk/testing/conformance/event-bus.suite.ts';
import { createDatabase, type TestDatabase } from '../helpers/database.ts';
import { openPgChannel } from './event-bus.postgres.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(() => database.drop());

eventBusSuite('pgchannel', {
  describe,
  it,
  open: async () => {
    const cleanup = new AsyncDisposableStack();
    const open = () => cleanup.use(openPgChannel(database.dsn, { maxMessageBytes: 10_000 }));
    return {
      buses: [open(), open()],
      tooLarge: 16_000,
      within: 10_000,
      [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
    };
  },
});
