import { Command } from 'commander';
import { examine } from '../doctor/examine.ts';
import type { Finding, Mend } from '../doctor/finding.ts';
import { loadServiceConfig, stepIds } from '../service-config.ts';

interface DoctorOptions {
  readonly standby: readonly string[];
  readonly json?: boolean;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'check everything that the installation stands on, changing nothing, and print what mends each finding; exits 1 when ' +
        'something would fail, 0 otherwise',
    )
    .option(
      '--standby <dsn>',
      'a standby that the relay is to survive a failover to; may be repeated',
      collect,
      [],
    )
    .option('--json', 'machine-readable output')
    .action(doctor);
}

async function doctor({ standby, json }: DoctorOptions): Promise<void> {
  // The doctor is asked where things are not in order: without a service it checks the rest.
  const steps = await loadServiceConfig().then(stepIds, () => []);
  const findings = await examine(process.env, { standbys: standby, steps });
  const failures = findings.filter(({ state }) => state === 'failure').length;
  if (json) console.log(JSON.stringify({ ok: failures === 0, findings }));
  else console.log(page(findings));
  if (failures > 0) process.exitCode = 1;
}

function page(findings: readonly Finding[]): string {
  const count = (state: Finding['state']) => findings.filter((finding) => finding.state === state).length;
  const end = `${count('ok')} in order, ${count('warning')} to look at, ${count('failure')} to mend`;
  return [...findings.map(paragraph), end].join('\n');
}

function paragraph({ state, check, says, mend }: Finding): string {
  const head = `${state.padEnd(8)} ${check}: ${says}`;
  return mend ? [head, ...advice(mend)].join('\n') : head;
}

const PROMPT = { psql: 'psql>', replication: 'psql "… replication=database">', shell: '$' } as const;

function advice({ in: place, run, note }: Mend): string[] {
  const lines = run.map(
    (line) => `           ${PROMPT[place]} ${line}${place === 'psql' && !line.startsWith('\\') ? ';' : ''}`,
  );
  return note === undefined ? lines : [...lines, `           (${note})`];
}

function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}
