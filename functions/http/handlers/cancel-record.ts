import { changeOfRecord } from '../record-changes.ts';

export const cancelRecord = changeOfRecord('cancel', 'It has ended where it was.');

export const { handler } = cancelRecord;
