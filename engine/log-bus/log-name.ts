/**
 * What a stream of ours is called in a log, as the topic of Kafka or the stream of Kinesis that it is. `=` is no letter of a name
 * there, and a stream of ours has no dot.
 */
export function logNameOf(stream: string): string {
  return `millrace.bus.${stream.replaceAll('=', '.')}`;
}
