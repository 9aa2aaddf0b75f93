declare module 'kinesalite' {
  import type { Server } from 'node:http';
  /** Milliseconds of each delay; 500 unless given. */
  export default function kinesalite(options: {
    readonly createStreamMs?: number;
    readonly updateStreamMs?: number;
    readonly deleteStreamMs?: number;
    readonly shardLimit?: number;
  }): Server;
}
