import { testWorkflows } from './scenarios.ts';

testWorkflows('kafka_outbox');
