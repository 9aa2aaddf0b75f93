import { testLeases } from './leases.ts';
import { testMetrics } from './metrics.ts';
import { testDialect } from './scenarios/all.ts';
import { testWire } from './wire.ts';

const stack = testDialect('polling', 'REST');
testWire(stack);
testLeases(stack);
testMetrics(stack);
