import { describe, it } from 'vitest';
import { roleSchedulerSuite } from '../../sdk/testing/conformance/role-scheduler.suite.ts';
import { openMemoryRoles } from './role-scheduler.memory.ts';

roleSchedulerSuite('MemoryRoleScheduler', { describe, it, open: openMemoryRoles });
