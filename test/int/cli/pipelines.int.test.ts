import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { systemClock } from '../../../adapters/system/clock.ts';
import { startNats } from '../../../cli/dev/backends/nats.ts';
import { readDocument } from '../../../cli/pipelines/document.ts';
import { PipelineRuntime } from '../../../cli/pipelines/runtime.ts';
import { pipelineFileSchema } from '../../../cli/pipelines/schema.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';
import { kafkaBrokers } from '../../helpers/kafka.ts';
import { startKinesis, type TestKinesis } from '../../helpers/kinesis.ts';
import { describeWithServer } from '../../helpers/own-server.ts';
import { waitFor } from '../../helpers/wait-for.ts';

/** All that differs from one provider to the other. */
const BROKERS: Readonly<Record<string, string>> = {
  memory: 'provider: memory',
  pgchannel: 'provider: pgchannel\n      broker_target: in_process\n      dsn: ${DATABASE_URL}',
  nats: 'provider: nats\n      dsn: ${NATS_SERVER}',
  kinesis:
    'provider: kinesis\n      dsn: ${DATABASE_URL}\n      kinesis: { region: eu-central-1, endpoint: "${KINESIS}" }',
  kafka: 'provider: kafka\n      dsn: ${DATABASE_URL}\n      kafka: { bootstrap_servers: "${BROKERS}" }',
};

const FILE = (broker: string): string => `
modules:
  - name: my-events
    type: eventbus.broker
    config:
      ${broker}
  - name: my-stream
    type: eventbus.stream
    config: { broker_ref: my-events, name: MY_EVENTS, subjects: ["events.>"], max_age: 1h }
  - name: my-consumer
    type: eventbus.consumer
    config: { stream_name: MY_EVENTS, name: pulled, filter_subject: "events.done.*", ack_wait: 30s, max_deliver: 5 }
pipelines:
  create:
    steps:
      - name: publish
        type: step.eventbus.publish
        config: { subject: events.created, key: "{{ .input.customer }}", payload: '{{ toJson .input }}', correlation_id: "{{ input.id }}" }
  my-handler:
    trigger:
      type: trigger.eventbus.subscribe
      config: { stream_name: MY_EVENTS, name: my-handler, filter_subject: events.created, ack_policy: ACK_POLICY_EXPLICIT }
    steps:
      - name: forward
        type: step.eventbus.publish
        config: { subject: "events.done.{{ input.id }}", payload: 'handled {{ .message.subject }} for {{ input.customer }}' }
      - name: ack
        type: step.eventbus.ack
        config: { ack_token: '{{ .nats.message.ack_token }}' }
  collect:
    steps:
      - name: consume
        type: step.eventbus.consume
        config: { consumer: my-consumer, batch_size: 10, max_wait: 500ms }
`;

await describeWithServer(
  'the same pipeline file',
  (dir) => startNats({ dir }),
  (nats) => {
    let database: TestDatabase;
    let kinesis: TestKinesis;

    beforeAll(async () => {
      database = await createDatabase();
      kinesis = await startKinesis();
      // Where AWS's client looks for them.
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    });

    afterAll(async () => {
      vi.unstubAllEnvs();
      await kinesis[Symbol.asyncDispose]();
      await database.drop();
    });

    test.for(Object.keys(BROKERS))(
      'publishes, is triggered, consumes and acknowledges on %s',
      async (provider, { skip }) => {
        const missing = inject('WE_TEST_KAFKA_MISSING');
        skip(provider === 'kafka' && missing !== '', missing);
        const env = {
          DATABASE_URL: database.dsn,
          NATS_SERVER: nats().url,
          BROKERS: kafkaBrokers().join(','),
          KINESIS: kinesis.endpoint,
        };
        const text = FILE(BROKERS[provider] ?? '');
        const file = readDocument(text, { file: 'bus.yaml', env, schema: pipelineFileSchema });
        const runtime = await PipelineRuntime.start(file, { env, clock: systemClock, logger: silentLogger });
        try {
          for (const id of [1, 2, 3]) {
            const { publish } = await runtime.run('create', { id, customer: 'ada' });
            expect(publish).toMatchObject({ sequence: expect.stringMatching(/^\d+$/) });
          }
          const found = new Map<string, number>();
          await waitFor(
            async () => {
              const { consume } = await runtime.run('collect', {});
              for (const { subject, payload } of messagesOf(consume)) {
                const what = `${subject}: ${payload}`;
                found.set(what, (found.get(what) ?? 0) + 1);
              }
              return found.size === 3;
            },
            { within: 30_000, what: 'what the trigger has passed on' },
          );
          const wanted = [1, 2, 3].map((id): [string, number] => [
            `events.done.${id}: handled events.created for ada`,
            1,
          ]);
          expect([...found].sort()).toEqual(wanted);
        } finally {
          await runtime.stop();
        }
      },
    );
  },
);

function messagesOf(consumed: unknown) {
  return (consumed as { messages: { subject: string; payload: string }[] }).messages;
}
