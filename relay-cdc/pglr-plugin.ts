import type { Client } from 'pg';
import { type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';
import type { Topic } from '../events/ids.ts';
import { reasonOf, streamBroken } from './failures.ts';
import { parseLsn } from './lsn.ts';
import { OUTBOX_PREFIX, readContent } from './outbox-message.ts';
import { SESSION_SETTINGS } from './replication-connection.ts';
import type { Shard } from './shards.ts';
import type { OutboxRow, WalSink } from './wal-session.ts';

interface PluginHooks {
  readonly onClient: (client: Client) => void;
  readonly onError: (error: unknown) => void;
}

/** Handed on in the place of a message that cannot be read; the session has been ended by then. */
const NOTHING: Pgoutput.Message = { tag: 'origin', originLsn: null, originName: '' };

/** Starts the stream on a session with our settings, and lets no error of the parser escape into the socket's event. */
export class GuardedPlugin extends PgoutputPlugin {
  readonly #hooks: PluginHooks;

  constructor(publication: string, hooks: PluginHooks) {
    super({ protoVersion: 1, publicationNames: [publication], messages: true });
    this.#hooks = hooks;
  }

  override async start(client: Client, slotName: string, lastLsn: string): Promise<unknown> {
    this.#hooks.onClient(client);
    await client.query(SESSION_SETTINGS);
    return super.start(client, slotName, lastLsn);
  }

  override parse(buffer: Buffer): Pgoutput.Message {
    try {
      return super.parse(buffer);
    } catch (error) {
      const reason = reasonOf(error);
      this.#hooks.onError(
        streamBroken(`The log holds a message that cannot be read: ${reason}`, { cause: error }),
      );
      return NOTHING;
    }
  }
}

/** What the parser made of a message, handed on if it is of the outbox. */
export function hand(message: Pgoutput.Message, sink: WalSink, shard: Shard): void {
  if (message.tag === 'begin') {
    const committedAt = Number(message.commitTime) / 1000;
    sink.begin(parseLsn(message.commitLsn ?? ''), Date.now() - committedAt);
  } else if (message.tag === 'commit') {
    sink.commit(parseLsn(message.commitEndLsn ?? ''));
  } else if (message.tag === 'insert' && message.relation.name === 'dispatch_outbox') {
    sink.insert(toRow(message.new));
  } else if (message.tag === 'message' && message.transactional && message.prefix === OUTBOX_PREFIX) {
    const row = readContent(Buffer.from(message.content), shard);
    if (row) sink.insert(row);
  }
}

function toRow(values: Readonly<Record<string, unknown>>): OutboxRow {
  const { id, topic, message_count: messageCount, messages } = values;
  if (
    typeof id === 'string' &&
    typeof topic === 'string' &&
    typeof messageCount === 'number' &&
    Buffer.isBuffer(messages)
  ) {
    return { id: BigInt(id), topic: topic as Topic, messageCount, messages };
  }
  throw streamBroken(
    'A required column of dispatch_outbox (id, topic, message_count, messages) is missing or has no value. Nothing was ' +
      'skipped; the relay stops here. Restore the column and its place in the publication.',
  );
}
