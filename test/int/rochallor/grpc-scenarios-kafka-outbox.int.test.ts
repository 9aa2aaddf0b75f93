import { testDialect } from './scenarios/all.ts';

testDialect('kafka_outbox', 'gRPC');
