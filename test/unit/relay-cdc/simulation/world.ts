import type { Lsn } from '../../../../events/ids.ts';
import { check } from './check.ts';
import { SimKafka } from './kafka.ts';
import { SimPostgres } from './postgres.ts';
import { SimRelay } from './relay.ts';
import type { Reached } from './term.ts';

type Event = (world: World, number: number) => void;

/** What can happen, and how often. The number with it chooses which relay, and how much. */
const events: readonly (readonly [number, string, Event])[] = [
  [10, 'commit', (world, n) => world.postgres.commit(n % 6, { gap: BigInt((n >> 3) % 3), keys: n >> 5 })],
  [8, 'flow', (world, n) => world.flow(n)],
  [2, 'other log', (world, n) => world.postgres.writeOther(BigInt(1 + (n % 50)))],
  [12, 'send', (world, n) => world.eachStream((session) => world.send(session, 1 + (n % 9)))],
  [
    3,
    'keepalive',
    (world, n) => world.eachStream((session) => world.postgres.keepalive(session, n % 2 === 0)),
  ],
  [12, 'read', (world, n) => world.relay(n).read(1 + ((n >> 1) % 12))],
  [8, 'hear', (world, n) => world.hear(n)],
  [8, 'land', (world, n) => world.land(n)],
  [9, 'answer', (world, n) => world.relay(n).answer()],
  [8, 'tick', (world, n) => world.relay(n).tick()],
  [6, 'stand', (world, n) => world.relay(n).stand()],
  [8, 'time', (world, n) => world.pass([5, 45, 45, 1_000, 3_000, 4_000][n % 6] ?? 0)],
  [1, 'long time', (world, n) => world.pass([10_000, 12_000, 31_000][n % 3] ?? 0)],
  [2, 'reap', (world) => world.postgres.reap(world.now)],
  [3, 'heartbeat', (world, n) => world.relay(n).heartbeat()],
  [2, 'checkpoint', (world) => world.postgres.checkpoint()],
  [1, 'server crash', (world) => world.postgres.crash()],
  [2, 'publish fails', (world, n) => world.relay(n).failPublish()],
  [1, 'request lost', (world, n) => world.loseRequest(n)],
  [2, 'kill', (world, n) => world.relay(n).kill()],
  [3, 'restart', (world, n) => world.relay(n).restart()],
  [2, 'freeze', (world, n) => world.relay(n).freeze()],
  [3, 'thaw', (world, n) => world.relay(n).thaw()],
  [2, 'freeze past takeover', (world, n) => world.freezeLong(n)],
  [1, 'cut', (world, n) => world.cut(n, true)],
  [2, 'mend', (world, n) => world.cut(n, false)],
  [4, 'stop', (world, n) => world.relay(n).stop()],
];
const table = events.flatMap(([weight, name, event]) =>
  Array.from({ length: weight }, () => ({ name, event })),
);

/** Two relays, a database and a broker, and what must be true of them whatever happens. */
export class World {
  readonly postgres = new SimPostgres();
  readonly kafka = new SimKafka();
  readonly relays: readonly [SimRelay, SimRelay];
  now = 0;

  constructor(reached: (what: Reached) => void = () => undefined) {
    const deps = { postgres: this.postgres, kafka: this.kafka, now: () => this.now, reached };
    this.relays = [new SimRelay(deps), new SimRelay(deps)];
    for (let step = 0; step < 2; step += 1) this.relays[0].stand();
  }

  /** @param choice which event, and its number */
  step(choice: number): string {
    const chosen = table[choice % table.length];
    if (!chosen) return '';
    chosen.event(this, Math.floor(choice / table.length));
    return chosen.name;
  }

  /** Mostly one that leads, for little happens to the others. */
  relay(n: number): SimRelay {
    const [first, second] = this.relays;
    const leader = n % 8 < 6 ? this.relays.find(({ term }) => term !== undefined) : undefined;
    return leader ?? (n % 2 === 0 ? first : second);
  }

  send(session: Parameters<SimPostgres['send']>[0], messages: number): void {
    for (let count = 0; count < messages; count += 1) this.postgres.send(session);
  }

  eachStream(use: (session: Parameters<SimPostgres['send']>[0]) => void): void {
    if (this.postgres.streamer) use(this.postgres.streamer);
  }

  /** A row's whole way, some of it. */
  flow(n: number): void {
    this.postgres.commit(1 + (n % 7), { gap: 0n, keys: n });
    this.eachStream((session) => this.send(session, 1 + ((n >> 3) % 20)));
    this.relay(n).read(1 + ((n >> 5) % 20));
    if (n % 3 > 0) this.land(n);
  }

  hear(n: number): void {
    const { session } = this.relay(n);
    if (session && this.postgres.hear(session, this.now) !== undefined) this.checkConfirmed();
  }

  /** What is confirmed will never be sent again: the broker must have it. */
  checkConfirmed(): void {
    const { slot, state, position } = this.postgres;
    const recorded = state.confirmed ?? (0n as Lsn);
    const confirmed = slot.confirmed > recorded ? slot.confirmed : recorded;
    check(confirmed <= position, 'nothing is confirmed that was not written');
    for (let at = this.postgres.transactions.length - 1; at >= 0; at -= 1) {
      const transaction = this.postgres.transactions[at];
      if (!transaction || transaction.commitLsn >= confirmed) continue;
      for (const row of transaction.rows) {
        check(this.kafka.has(row), 'what is confirmed is with the broker, row by row');
      }
    }
  }

  land(n: number): void {
    const { underWay } = this.kafka;
    const request = underWay[n % Math.max(1, underWay.length)];
    if (request) this.kafka.land(request);
  }

  /** What a client has given up may never arrive. One it still waits for is sent again until it does. */
  loseRequest(n: number): void {
    const abandoned = this.kafka.underWay.filter(({ isAbandoned }) => isAbandoned);
    const request = abandoned[n % Math.max(1, abandoned.length)];
    if (request) this.kafka.drop(request);
  }

  pass(milliseconds: number): void {
    this.now += milliseconds;
  }

  freezeLong(n: number): void {
    this.relay(n).freeze();
    this.pass(10_000 + (n % 3) * 1_000);
    this.relay(n).thaw();
  }

  cut(n: number, isCut: boolean): void {
    const { session } = this.relay(n);
    if (session) session.isCut = isCut;
  }

  /** Faults end, and everything goes on as it should until there is nothing left to do. */
  settle(): void {
    for (const relay of this.relays) {
      relay.thaw();
      if (relay.session) relay.session.isCut = false;
    }
    for (let round = 0; round < 400; round += 1) {
      if (this.#isSettled()) return;
      this.#round(round);
    }
    check(false, 'once the faults end, everything is published and confirmed');
  }

  #round(round: number): void {
    const { postgres, kafka } = this;
    for (const relay of this.relays) {
      if (relay.isStopping && relay.term) relay.stop();
      else relay.restart();
      relay.stand();
    }
    this.eachStream((session) => this.send(session, 40));
    if (round % 3 === 0) this.eachStream((session) => postgres.keepalive(session, true));
    for (const relay of this.relays) {
      relay.read(100);
      while (kafka.underWay[0]) kafka.land(kafka.underWay[0]);
      relay.answer();
      relay.tick();
      if (round % 10 === 0) relay.heartbeat();
    }
    for (let n = 6; n < 8; n += 1) this.hear(n);
    this.pass(100);
    postgres.reap(this.now);
  }

  #isSettled(): boolean {
    const { postgres, kafka } = this;
    if (postgres.slot.confirmed !== postgres.position) return false;
    this.checkConfirmed();
    return postgres.transactions.every(({ rows }) => rows.every((row) => kafka.has(row)));
  }
}
