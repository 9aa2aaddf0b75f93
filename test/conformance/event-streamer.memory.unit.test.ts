import { openMemoryStreamer } from './event-streamer.memory.ts';
import { testEventStreamer } from './event-streamer.suite.ts';

testEventStreamer('the streamer in memory', openMemoryStreamer);
