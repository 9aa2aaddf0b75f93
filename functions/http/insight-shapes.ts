import * as z from 'zod';

/** What the endpoints show that people and dashboards look at. */

const time = z.iso.datetime();
const seconds = z.number().nullable();
const count = z.int().meta({ description: 'Counting stops at 10,001, which stands for more than 10,000.' });
const pressure = z.string().meta({ description: 'Of the write-ahead log: docs/guide/wal-budget.md.' });

export const overview = z
  .strictObject({
    mode: z.enum(['polling', 'kafka_outbox']),
    fallback: z
      .boolean()
      .meta({ description: 'Jobs go to those who poll, because the way to Kafka is held up.' }),
    wal_pressure: pressure,
    waiting: count,
    queued: count,
    running: count,
    dead_letters: count,
    running_workflows: count,
    backlog_messages: z
      .int()
      .meta({ description: 'Not yet with the broker; of at most 10,001 outbox rows.' }),
    backlog_oldest_seconds: seconds,
    queued_oldest_seconds: seconds,
    leaders: z.array(z.strictObject({ name: z.string(), leader: z.string(), term: z.string() })),
    recent: z
      .strictObject({
        covers_seconds: z.number(),
        accepted_per_second: z.number(),
        completed_per_second: z.number(),
        failed_per_second: z.number(),
        latency_p50_ms: z.number().nullable(),
        latency_p95_ms: z.number().nullable(),
        accepted: z.array(z.int()).meta({ description: '60 bars of 5 seconds, oldest first.' }),
        completed: z.array(z.int()),
      })
      .meta({ description: 'Of the 5,000 newest jobs, over the last ten seconds.' }),
  })
  .meta({ id: 'Overview' });

export const relay = z
  .strictObject({
    mode: z.enum(['polling', 'kafka_outbox']),
    shards: z.int(),
    resharding: z.boolean(),
    wal_pressure: pressure,
    wal_budget_bytes: z.number().nullable(),
    fallback: z.boolean(),
    undecodable_records: count,
    slots: z.array(
      z.strictObject({
        slot: z.string(),
        leader: z.string(),
        term: z.string(),
        watermark: z.string().nullable().meta({ description: 'All committed before it is with the broker.' }),
        rebuild_reason: z.string().nullable(),
        handed_over: z.boolean(),
        updated_at: time,
        active: z.boolean().nullable().meta({ description: 'Null: the server has no such slot.' }),
        wal_status: z.string().nullable(),
        confirmed_lsn: z.string().nullable(),
        retained_bytes: z.number().nullable(),
        behind_bytes: z.number().nullable(),
      }),
    ),
  })
  .meta({ id: 'Relay' });

export const types = z.strictObject({
  types: z.array(
    z
      .strictObject({
        type: z.string(),
        topic: z.string(),
        group: z.string(),
        queued: count,
        oldest_queued_seconds: seconds,
        running: count,
        workers: z.int().meta({ description: 'Who run something of it now.' }),
        dead_letters: count,
      })
      .meta({ id: 'JobType' }),
  ),
});
