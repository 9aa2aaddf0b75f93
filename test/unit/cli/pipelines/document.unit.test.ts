import { describe, expect, test } from 'vitest';
import { readDocument } from '../../../../cli/pipelines/document.ts';
import { pipelineFileSchema } from '../../../../cli/pipelines/schema.ts';

/** The configuration of the documents this is made after, word for word where one broker is enough. */
const FILE = `modules:
  - name: my-events
    type: eventbus.broker
    config:
      provider: pgchannel
      broker_target: in_process
      dsn: \${DATABASE_URL}
      poll_interval: 5s
      max_conns: 32  # size as 2*N + 4 where N = consumer module count
  - name: my-stream
    type: eventbus.stream
    config:
      broker_ref: my-events       # points at the broker module name above
      name: MY_EVENTS
      subjects: ["events.>"]
      retention_policy: RETENTION_POLICY_LIMITS
      max_bytes: 10737418240  # 10 GB
  - name: my-consumer
    type: eventbus.consumer
    config:
      broker_ref: my-events
      stream_name: MY_EVENTS
      name: my-handler
      filter_subject: "events.>"
      ack_policy: ACK_POLICY_EXPLICIT
      max_deliver: 5
`;

function read(text: string, env: Record<string, string> = { DATABASE_URL: 'postgres://there' }) {
  return readDocument(text, { file: 'bus.yaml', env, schema: pipelineFileSchema });
}

describe('a pipeline file', () => {
  test('is read with its variables and durations', () => {
    const [broker] = read(FILE).modules;
    expect(broker?.config).toMatchObject({
      provider: 'pgchannel',
      dsn: 'postgres://there',
      poll_interval: 5_000,
      max_conns: 32,
    });
  });

  test('takes numbers and fallbacks from the environment', () => {
    const text = FILE.replace('max_conns: 32', 'max_conns: ${CONNECTIONS:-8}');
    expect(read(text).modules[0]?.config).toMatchObject({ max_conns: 8 });
    const env = { DATABASE_URL: 'x', CONNECTIONS: '9' };
    expect(read(text, env).modules[0]?.config).toMatchObject({ max_conns: 9 });
  });

  test('does not read as YAML what a variable holds', () => {
    const [broker] = read(FILE, { DATABASE_URL: 'a\n      max_conns: 1 # {' }).modules;
    expect(broker?.config).toMatchObject({ dsn: 'a\n      max_conns: 1 # {', max_conns: 32 });
  });

  test.each([
    [
      'an unknown key',
      FILE.replace('max_deliver', 'max_delivery'),
      'bus.yaml:26 modules.2.config.max_delivery is not known here',
    ],
    [
      'a value of another kind',
      FILE.replace('max_deliver: 5', 'max_deliver: often'),
      'bus.yaml:26 modules.2.config.max_deliver',
    ],
    [
      'a policy the bus does not have',
      FILE.replace('_EXPLICIT', '_ALL'),
      'bus.yaml:25 modules.2.config.ack_policy: must be ACK_POLICY_EXPLICIT',
    ],
    ['what is missing', FILE.replace('      name: MY_EVENTS\n', ''), 'bus.yaml:12 modules.1.config.name'],
    [
      'an unknown provider',
      FILE.replace('pgchannel', 'carrier-pigeon'),
      'bus.yaml:5 modules.0.config.provider',
    ],
    [
      'a type that does not exist',
      FILE.replace('eventbus.stream', 'eventbus.river'),
      'bus.yaml:11 modules.1.type',
    ],
    ['what is no YAML', FILE.replace('subjects: ["events.>"]', 'subjects: ["events.>"'), 'bus.yaml:16'],
  ])('names the line of %s', (_, text, told) => {
    expect(() => read(text)).toThrow(told);
  });

  test('names the line of a variable that is not set, and all faults at once', () => {
    const text = FILE.replace('MY_EVENTS\n      subjects', '${STREAM}\n      subjects');
    expect(() => read(text, {})).toThrow(
      /bus\.yaml:7 \$\{DATABASE_URL\} is not set in the environment\n {2}bus\.yaml:14 \$\{STREAM\} is not set/,
    );
  });
});
