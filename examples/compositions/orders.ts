import { randomUUID } from 'node:crypto';
import type { WorkflowRecord } from '../../engine/ports/workflow-record-store.ts';
import type { Composition } from './composition.ts';

/** A workflow of three statuses: an order is placed, paid in time or given up, and shipped. */
export const ORDERS = 'orders';
export const PLACED = 1;
export const PAID = 2;
export const SHIPPED = 3;

export interface Order {
  readonly number: string;
  readonly cents: number;
  /** Milliseconds in which it must be paid. */
  readonly payWithin: number;
}

/** Hands an order to the carrier. It may be called twice for one order, by a retry or after a crash. */
export type Ship = (order: Order) => Promise<void>;

export async function placeOrder({ records }: Composition, order: Order): Promise<void> {
  const outcome = await records.store({
    ...{ workflowName: ORDERS, foreignId: order.number, runId: randomUUID() },
    ...{ status: PLACED, runState: 'running', object: Buffer.from(JSON.stringify(order)), version: 0 },
  });
  if (outcome.kind !== 'stored') throw new Error(`Order ${order.number} is under way already.`);
}

/** @returns whether it was waiting for its payment, and got it */
export async function payOrder({ records }: Composition, number: string): Promise<boolean> {
  const record = await records.latest(ORDERS, number);
  if (record?.status !== PLACED || record.runState !== 'running') return false;
  const outcome = await records.store({ ...record, status: PAID });
  return outcome.kind === 'stored';
}

/** What is to be done at the status that a run has reached. A step that is done again finds what it did. */
export async function advance(
  { records, timeouts }: Composition,
  record: WorkflowRecord,
  ship: Ship,
): Promise<void> {
  const order = orderOf(record);
  const { foreignId, runId, status } = record;
  if (status === PLACED) {
    const expiresAt = new Date(record.createdAt.getTime() + order.payWithin);
    const given = { workflow: ORDERS, id: `${runId}/payment`, foreignId, runId, status: String(status) };
    await timeouts.create({ ...given, expiresAt });
  }
  if (status === PAID) {
    await ship(order);
    // A conflict: another has done the same meanwhile.
    await records.store({ ...record, status: SHIPPED, runState: 'completed' });
  }
}

/** The run of a timeout may have gone on; the version is the guard where it does so just now. */
export async function giveUp({ records }: Composition, runId: string): Promise<'fired' | 'moot'> {
  const record = await records.lookup(runId);
  if (record?.status !== PLACED || record.runState !== 'running') return 'moot';
  const outcome = await records.store({
    ...record,
    runState: 'cancelled',
    reason: 'it was not paid in time',
  });
  return outcome.kind === 'stored' ? 'fired' : 'moot';
}

export function orderOf({ object }: WorkflowRecord): Order {
  // It was written by `placeOrder`.
  return JSON.parse(object.toString()) as Order;
}
