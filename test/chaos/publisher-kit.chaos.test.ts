import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kafkaClients } from '../../adapters/kafka/config.ts';
import { type KitSize, kitClauses } from '../conformance/publisher-kit/clauses.ts';
import { resultTable } from '../conformance/publisher-kit/result-table.ts';
import { clientUnderTest, type Setting, startSetting } from '../conformance/publisher-kit/setting.ts';
import { describeKafka } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';

failOnLeftoverProcesses();

const isLong = process.env['WE_KIT'] === 'long';
const size: KitSize = isLong
  ? {
      calls: 1_000,
      lostAnswers: 1_000,
      leaderChanges: 10,
      outageMs: 600_000,
      soakCalls: 200_000,
      reauthentications: 10,
    }
  : { calls: 100, lostAnswers: 10, leaderChanges: 1, outageMs: 2_000, soakCalls: 200, reauthentications: 2 };
const timeout = isLong ? 3_600_000 : 90_000;

describeKafka('the publisher conformance kit', () => {
  let setting: Setting;
  const table = resultTable();

  beforeAll(async () => {
    setting = await startSetting();
  }, 180_000);

  afterAll(async () => {
    await setting[Symbol.asyncDispose]();
    console.info(table.toMarkdown());
  });

  for (const client of kafkaClients) {
    describe(client, () => {
      for (const { id, title, check } of kitClauses) {
        test(`${id}: ${title}`, { timeout }, async () => {
          const note = await check(clientUnderTest(client), setting, size).then(
            (text) => ({ text, failure: undefined }),
            (failure: unknown) => ({ text: String(failure), failure }),
          );
          table.add(client, id, note);
          expect(note.failure).toBeUndefined();
        });
      }
    });
  }
});
