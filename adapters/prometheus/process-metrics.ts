import { readdir, readFile } from 'node:fs/promises';
import { Counter, Gauge, Registry } from 'prom-client';

/**
 * What the process itself costs, under the names that processes of other runtimes have for it, too. What only Linux tells has no
 * series elsewhere.
 */
export const processMetrics = new Registry();

const registers = [processMetrics];

new Counter({
  name: 'process_cpu_seconds_total',
  help: 'Processor time of the process, user and system.',
  registers,
  collect() {
    const { user, system } = process.cpuUsage();
    this.reset();
    this.inc((user + system) / 1e6);
  },
});

gauge('process_start_time_seconds', 'Start of the process, in seconds since 1970.', async () =>
  Math.round(performance.timeOrigin / 1000),
);
gauge('process_resident_memory_bytes', 'Memory of the process that is not swapped out.', async () =>
  process.memoryUsage.rss(),
);
gauge('process_virtual_memory_bytes', 'Address space of the process.', async () => {
  const [, kibibytes] = /^VmSize:\s+(\d+) kB$/m.exec(await own('status')) ?? [];
  return Number(kibibytes) * 1024;
});
gauge('process_open_fds', 'Open file descriptors, sockets included.', async () => {
  // One of them is the list's own.
  return (await readdir('/proc/self/fd')).length - 1;
});
gauge('process_max_fds', 'File descriptors that the process may have open.', async () => {
  const [, limit] = /^Max open files\s+(\d+)/m.exec(await own('limits')) ?? [];
  return Number(limit);
});

function own(name: string): Promise<string> {
  return readFile(`/proc/self/${name}`, 'utf8');
}

function gauge(name: string, help: string, read: () => Promise<number>): void {
  new Gauge({
    ...{ name, help, registers },
    async collect() {
      // Without an answer there is no value to show; an old one would look like a fact.
      this.remove();
      const value = await read().catch(() => Number.NaN);
      if (!Number.isNaN(value)) this.set(value);
    },
  });
}
