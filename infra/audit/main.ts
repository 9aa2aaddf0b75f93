import { audit } from './audit.ts';

/** `npm run audit`: fails on a known weakness of severity high or more in what is installed in production. */
const result = await audit();
switch (result.kind) {
  case 'clean':
    console.log('No weakness of severity high or more is known in what is installed in production.');
    break;
  case 'weak':
    for (const line of result.found) console.error(line);
    process.exitCode = 1;
    break;
  case 'unknown':
    console.error(`Nothing was checked: the registry did not answer the audit (${result.reason}).`);
    break;
  default:
    result satisfies never;
}
