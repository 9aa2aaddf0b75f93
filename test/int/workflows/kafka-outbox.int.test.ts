import { testWorkflows } from './scenarios.ts';

// The Lambda worker, given what the relay would publish as the event source mapping would give it.
testWorkflows('lambda');
