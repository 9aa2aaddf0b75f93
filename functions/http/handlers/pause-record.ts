import { changeOfRecord } from '../record-changes.ts';

export const pauseRecord = changeOfRecord('pause', 'Worked on no more, until it is resumed.');

export const { handler } = pauseRecord;
