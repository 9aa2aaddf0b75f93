import type { ServerResponse } from 'node:http';

const TICK_MS = 1_000;

/**
 * The server-sent events of the web UI: a tick a second, at which a page that is looked at reads anew what it shows. Lambda
 * answers whole replies and has no such stream; there the pages keep the time themselves.
 */
export class UiEvents {
  readonly #listeners = new Set<ServerResponse>();
  #timer: NodeJS.Timeout | undefined;

  serve(response: ServerResponse): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.write('retry: 2000\n\n');
    this.#listeners.add(response);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    response.once('close', () => this.#leave(response));
  }

  /** Lets all go. Safe to call twice. */
  close(): void {
    for (const response of this.#listeners) response.end();
  }

  #tick(): void {
    for (const response of this.#listeners) {
      // One that does not read must not fill the memory with ticks.
      if (!response.writableNeedDrain) response.write('event: tick\ndata:\n\n');
    }
  }

  #leave(response: ServerResponse): void {
    this.#listeners.delete(response);
    if (this.#listeners.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
