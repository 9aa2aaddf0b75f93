import { describe, expect, test } from 'vitest';
import { describeKafka } from '../helpers/kafka.ts';
import { createService, millrace } from './millrace.ts';

describeKafka('npm run demo', () => {
  test('runs 1,000 jobs and a workflow through the whole path and exits 0', {
    timeout: 120_000,
  }, async () => {
    await using service = await createService();

    const demo = millrace(['demo'], { cwd: service.directory });
    const code = await demo.ended;

    expect(demo.output()).toMatch(
      /accepted 1003 {2}in outbox 0 {2}published 1003 {2}running 0 {2}completed 1003/,
    );
    expect(demo.output()).toMatch(/data-pipeline: completed/);
    expect(demo.output()).toMatch(/process +completed +\{"count":3,/);
    expect(code).toBe(0);
  });
});

describe('npm run demo without Kafka', () => {
  test.each([
    ['pgchannel', 'PostgreSQL'],
    ['nats', 'NATS JetStream'],
  ])(
    'takes the same way through the event bus %s, and says so',
    { timeout: 120_000 },
    async (name, through) => {
      await using service = await createService();

      const demo = millrace(['demo'], { cwd: service.directory, env: { WE_EVENT_BUS: name } });
      const code = await demo.ended;

      expect(demo.output()).toContain(`${name}: jobs go from the relay to the worker through ${through}`);
      expect(demo.output()).toMatch(
        /accepted 1003 {2}in outbox 0 {2}published 1003 {2}running 0 {2}completed 1003/,
      );
      expect(demo.output()).toMatch(/data-pipeline: completed/);
      expect(code).toBe(0);
    },
  );
});
