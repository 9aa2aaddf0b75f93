import { describeKafka } from '../../helpers/kafka.ts';
import { testWorkflows } from './scenarios.ts';

describeKafka('with a relay, a broker and a long-lived worker', () => testWorkflows('broker'));
