import { expect, test } from 'vitest';
import { describeKafka, kafkaBrokers, readTopic } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { CliRelay, chaosTopic, cliRelayEnv } from './cli-relay.ts';
import { OwnPostgres } from './own-postgres.ts';
import { createTopic } from './topic-history.ts';
import { Workload } from './workload.ts';

failOnLeftoverProcesses();

describeKafka('a relay that is told to stop while its database vanishes', () => {
  test.each(['at once', 'a moment later'])('ends by itself %s', { timeout: 120_000 }, async (when) => {
    await using server = await OwnPostgres.start({});
    const topic = chaosTopic();
    await createTopic(kafkaBrokers(), topic);
    await using leader = await CliRelay.start({ env: cliRelayEnv(server.dsn, kafkaBrokers()) });
    await using work = new Workload({ dsn: () => server.dsn, topic });
    work.start();
    await waitFor(async () => (await readTopic(topic)).length > 500, { within: 30_000 });
    const killed = server.kill();
    if (when !== 'at once') await killed;
    const code = await leader.end('SIGTERM');
    await killed;
    await server.startAgain();
    expect(code).toBe(0);
    // It does not go on trying for as long as a hand-over may take: after six tries a supervisor would have killed it.
    expect(leader.said('"failures":6')).toBe(false);
  });
});
