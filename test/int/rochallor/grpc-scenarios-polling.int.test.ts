import { testDialect } from './scenarios/all.ts';

testDialect('polling', 'gRPC');
