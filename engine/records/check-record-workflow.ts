import { MillraceError } from '../errors.ts';
import { type RecordOptions, type RecordWorkflow, recordDefaults } from './record-workflow.ts';

const MAX_STATUS = 2 ** 31 - 1;
const LEAST: Readonly<Record<keyof RecordOptions, number>> = {
  parallelCount: 1,
  pollingFrequency: 1,
  errBackOff: 0,
  pauseAfterErrCount: 0,
};

/** @throws MillraceError `configuration` that says what is wrong with it */
export function checkRecordWorkflow(workflow: RecordWorkflow): void {
  const { name, steps, options = {} } = workflow;
  if (!/^[A-Za-z0-9_-]{1,200}$/.test(name))
    throw wrong(`"${name}" cannot be the name of a record workflow. Use letters, digits, "_" and "-".`);
  if (Object.keys(steps).length === 0) throw wrong(`${name} has no steps. Give it one at least.`);
  for (const status of Object.keys(steps)) checkStep(workflow, Number(status));
  for (const [option, value] of Object.entries(options)) checkOption(name, option, value);
}

function checkStep({ name, steps }: RecordWorkflow, status: number): void {
  const at = `The step at status ${status} of ${name}`;
  const step = steps[status];
  if (!step || !isStatus(status)) throw wrong(`${at} is at no status. Give whole numbers from 1 on.`);
  const { to, run, timeout } = step;
  if (!Array.isArray(to) || !to.every(isStatus))
    throw wrong(`${at} has no list \`to\` of the statuses it may go to.`);
  if (run !== undefined && typeof run !== 'function') throw wrong(`${at} has a \`run\` that is no function.`);
  if (run && to.length === 0)
    throw wrong(`${at} goes nowhere. Leave it out: a run that gets there is completed.`);
  if (!timeout) return;
  if (!isStatus(timeout.to)) throw wrong(`${at} has a timeout without a status \`to\` go to.`);
  const { afterMs, at: moment } = timeout;
  if ((afterMs === undefined) === (moment === undefined))
    throw wrong(`${at} has a timeout that needs one of \`afterMs\` and \`at\`.`);
  if (afterMs !== undefined && !(Number.isFinite(afterMs) && afterMs >= 0))
    throw wrong(`${at} has a timeout after ${afterMs} ms. Give 0 or more.`);
}

function checkOption(name: string, option: string, value: unknown): void {
  if (!isOption(option)) {
    const known = Object.keys(recordDefaults).join(', ');
    throw wrong(`${name} has an option ${option}, which is none of ${known}.`);
  }
  if (!(Number.isSafeInteger(value) && Number(value) >= LEAST[option]))
    throw wrong(`${option} of ${name} is ${value}, and must be a whole number from ${LEAST[option]} on.`);
}

function isOption(name: string): name is keyof RecordOptions {
  return Object.hasOwn(LEAST, name);
}

function isStatus(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_STATUS;
}

function wrong(message: string): MillraceError {
  return new MillraceError('configuration', message);
}
