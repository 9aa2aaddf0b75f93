import { argv } from 'node:process';
import { type KafkaClient, kafkaClients } from '../../../adapters/kafka/config.ts';
import type { Topic } from '../../../events/ids.ts';
import { recordsOf } from './driving.ts';
import { clientUnderTest } from './setting.ts';

/** Publishes for a while with nothing else in the process, so that whatever is said on stderr is the client's. */
const [, , name, broker = '', topic = ''] = argv;
const publisher = await clientUnderTest(clientOf(name)).plain([broker]);
for (let call = 0; call < 50; call += 1) await publisher.publish(recordsOf(topic as Topic, call, 1));
await publisher.close();

function clientOf(text: string | undefined): KafkaClient {
  const found = kafkaClients.find((client) => client === text);
  if (!found) throw new RangeError(`no such client: ${text}`);
  return found;
}
