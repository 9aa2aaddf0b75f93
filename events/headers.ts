/** Names of the Kafka record headers. All values are UTF-8 text. */
export const header = {
  /** Media type of the value; added by the relay. */
  contentType: 'content-type',
  /** The message id, equal to `dedup_id` in the value: the same for every copy of one dispatch. */
  dedupId: 'dedup-id',
  /** W3C trace context of the request that accepted the job, where it had one. */
  traceparent: 'traceparent',
  /** Start of the commit record that wrote the outbox row, as PostgreSQL prints an LSN; added by the relay. */
  commitLsn: 'commit-lsn',
  /** Place of the message within its transaction, from 0; added by the relay. */
  commitIndex: 'commit-index',
  /** Term of the leader that published this copy; added by the relay. */
  epoch: 'epoch',
} as const;

/** Of the engine whose workers read the same fields; ours has one more. */
export const DISPATCH_CONTENT_TYPE = 'application/x-protobuf; proto=workflow.v1.JobDispatchEvent';
