import { openMemoryRoles } from './role-scheduler.memory.ts';
import { testRoleScheduler } from './role-scheduler.suite.ts';

testRoleScheduler('MemoryRoleScheduler', openMemoryRoles);
