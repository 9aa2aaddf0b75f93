import { expect, test } from 'vitest';
import { describeKafka, kafkaBrokers } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';
import { CliRelay, chaosTopic, cliRelayEnv } from './cli-relay.ts';
import { checkHistory } from './history.ts';
import { countTopic, createTopic, publishedByZombies, readTopicFromStart } from './topic-history.ts';
import { Workload } from './workload.ts';

failOnLeftoverProcesses();

const DUPLICATES = 6_000;

describeKafka('two relays on Kafka', () => {
  test('kill -9 of the leader under load: the standby goes on, nothing is lost', {
    timeout: 120_000,
  }, async () => {
    await using fixture = await RelayFixture.create();
    const [brokers, topic] = [kafkaBrokers(), chaosTopic()];
    await createTopic(brokers, topic);
    const env = cliRelayEnv(fixture.db.dsn, brokers);
    await using leader = await CliRelay.start({ env });
    await using standby = await CliRelay.start({ env });
    expect(leader.lines).toContain('[dispatch] relay started; this replica is leader=true');
    expect(standby.lines).toContain('[dispatch] relay started; this replica is leader=false');
    await using work = new Workload({ dsn: () => fixture.db.dsn, topic });
    work.start();
    await waitFor(async () => (await countTopic(brokers, topic)) > 1_000, { within: 30_000 });
    await leader.end('SIGKILL');
    await waitFor(() => standby.said('leader=true term=2'), { within: 30_000, what: 'the takeover' });
    const before = await countTopic(brokers, topic);
    await waitFor(async () => (await countTopic(brokers, topic)) > before + 500, { within: 30_000 });
    await work.stop();
    await waitFor(async () => (await fixture.outboxRows()) === 0, {
      within: 60_000,
      what: 'an empty outbox',
    });
    expect(await standby.end('SIGTERM')).toBe(0);
    const records = await readTopicFromStart(brokers, topic);
    checkHistory(work.written, records, { duplicates: DUPLICATES, left: await fixture.outboxRows() });
    expect(publishedByZombies(records)).toEqual([]);
  });
});
