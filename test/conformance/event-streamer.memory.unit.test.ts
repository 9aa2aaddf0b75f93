import { describe, it } from 'vitest';
import { eventStreamerSuite } from '../../sdk/testing/conformance/event-streamer.suite.ts';
import { openMemoryStreamer } from './event-streamer.memory.ts';

eventStreamerSuite('the streamer in memory', { describe, it, open: openMemoryStreamer });
