/** Where tests look for it; the conformance suites, which are published, have it too. */
export { type WaitOptions, waitFor } from '../../sdk/testing/conformance/wait-for.ts';
