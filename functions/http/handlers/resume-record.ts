import { changeOfRecord } from '../record-changes.ts';

export const resumeRecord = changeOfRecord('resume', 'It goes on, its errors counted anew.');

export const { handler } = resumeRecord;
