import type { ServerFacts, StandbyFacts } from '../../adapters/postgres/sql/inspect.ts';
import { type Finding, failure, ok, setting, warning } from './finding.ts';

/** What the primary must know so that the relay never publishes what a standby may not have. */
export function judgePrimarySide(facts: ServerFacts): Finding[] {
  const { synchronized_standby_slots: waitsFor, standby_slots: standbys } = facts;
  const check = 'synchronized_standby_slots';
  if (waitsFor === null || standbys.length === 0) return [];
  if (waitsFor !== '') return [ok(check, `The relay gets what ${waitsFor} has.`)];
  return [
    warning(
      check,
      'The relay may publish jobs that a standby does not have yet, and that a failover then takes back.',
      setting('synchronized_standby_slots', `'${standbys.join(', ')}'`),
    ),
  ];
}

/** Run against each standby that is named. */
export function judgeStandby(name: string, facts: StandbyFacts): Finding[] {
  const check = `standby ${name}`;
  if (!facts.is_standby) return [failure(check, 'The server is no standby.')];
  const there = 'on the standby';
  const findings: Finding[] = [];
  if (facts.sync_replication_slots === null) {
    return [
      warning(
        check,
        'Before PostgreSQL 17 a slot does not follow a failover: the outbox is dispatched anew then.',
      ),
    ];
  }
  if (facts.sync_replication_slots !== 'on') {
    const says = 'The standby does not copy the slots of the primary.';
    findings.push(warning(check, says, setting('sync_replication_slots', 'on', there)));
  }
  if (facts.hot_standby_feedback !== 'on') {
    const says = 'Without hot_standby_feedback the copied slot is invalidated by vacuum on the primary.';
    findings.push(warning(check, says, setting('hot_standby_feedback', 'on', there)));
  }
  if (facts.primary_slot_name === '') {
    const says = 'The standby streams without a slot of its own, so the primary cannot wait for it.';
    findings.push(warning(check, says, setting('primary_slot_name', `'standby_1'`, there)));
  }
  if (!facts.names_database) {
    findings.push(warning(check, 'primary_conninfo names no dbname, which copying slots needs.'));
  }
  return findings.length > 0 ? findings : [ok(check, 'Slots are copied to it.')];
}
