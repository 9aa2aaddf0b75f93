import { testWorkflows } from './scenarios.ts';

testWorkflows('polling');
