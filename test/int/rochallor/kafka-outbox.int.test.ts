import { testDialect } from './scenarios.ts';

testDialect('kafka_outbox');
