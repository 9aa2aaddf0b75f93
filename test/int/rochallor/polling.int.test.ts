import { testDialect } from './scenarios.ts';

testDialect('polling');
