import type { Dispatcher } from './dispatcher.ts';
import type { Lead } from './lead.ts';
import { recordHandOver } from './relay-state.ts';
import { type HandOverPhase, nextPhase } from './term-rules.ts';
import { atMost, unlessAborted } from './waiting.ts';
import type { WalSession } from './wal-session.ts';
import type { WriteBack } from './write-back.ts';

const DRAIN_DEADLINE_MS = 8_000;
const CLEAR_DEADLINE_MS = 10_000;
/** For rows that were not there yet when they were to be cleared. */
const SETTLE_MS = 1_000;

/** Ends the leadership in order, so that the next leader finds nothing to repeat. */
export async function handOver(
  { deps, leadership, over }: Lead,
  parts: {
    duties: { stop(): Promise<void> };
    dispatcher: Dispatcher;
    writeBack: WriteBack;
    session: WalSession;
  },
): Promise<void> {
  const { duties, dispatcher, writeBack, session } = parts;
  const { config, engine, pool } = deps;
  const within = (milliseconds: number, work: Promise<unknown>): Promise<void> =>
    unlessAborted(atMost(work, milliseconds, engine.clock), over.signal);
  let drained: Promise<void> | undefined;
  let isDone = false;
  const steps: Readonly<Record<HandOverPhase, () => Promise<void>>> = {
    ending_duties: () => duties.stop(),
    draining: () => {
      drained = dispatcher.drain();
      return within(DRAIN_DEADLINE_MS, drained);
    },
    clearing: () => {
      const settled = Promise.all([drained, writeBack.settle(SETTLE_MS)]).then(() => {
        isDone = true;
      });
      return within(CLEAR_DEADLINE_MS, settled);
    },
    ending_stream: () => session.stop(),
  };
  let phase = nextPhase('leading', 'stop');
  while (phase !== 'over' && phase !== 'leading') {
    await steps[phase]();
    phase = nextPhase(phase, 'done');
  }
  if (isDone) await recordHandOver(pool, { slot: config.slot, term: leadership.term });
}
