import { buildSdk } from './sdk.ts';

/** `npm run build:sdk`; then `npm pack dist/sdk`, or `npm publish dist/sdk`. */
console.log(await buildSdk());
