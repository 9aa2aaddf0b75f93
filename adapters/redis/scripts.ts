/**
 * What is done to the timeouts of one workflow, each step as one script: nothing of it is seen half done. `KEYS` are those of
 * `timeoutKeys`, in their order.
 */
const prelude = `
local records, due, ended, all, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local sets = { all = all, pending = pending, completed = KEYS[6], cancelled = KEYS[7] }
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function withRecords(ids)
  local found = {}
  for _, id in ipairs(ids) do
    found[#found + 1] = id
    found[#found + 1] = redis.call('HGET', records, id)
  end
  return found
end
`;

/** `records`: what is known of each; all else are indexes of their ids, by time or, where all scores are 0, by their bytes. */
export function timeoutKeys(prefix: string, workflow: string): string[] {
  // In braces: a cluster keeps all keys of a workflow at one place.
  const tag = `{${prefix}:${encodeURIComponent(workflow)}}`;
  return ['records', 'due', 'ended', 'all', 'pending', 'completed', 'cancelled'].map(
    (name) => `${tag}:${name}`,
  );
}

export const createScript = `${prelude}
local id, expiresAt, given = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HEXISTS', records, id) == 1 then return 0 end
local record = cjson.decode(given)
record.state = 'pending'
record.createdAt = now
redis.call('HSET', records, id, cjson.encode(record))
redis.call('ZADD', due, expiresAt, id)
redis.call('ZADD', all, 0, id)
redis.call('ZADD', pending, 0, id)
return 1
`;

export const getScript = `${prelude}
if redis.call('HEXISTS', records, ARGV[1]) == 0 then return {} end
return withRecords({ ARGV[1] })
`;

export const dueScript = `${prelude}
return withRecords(redis.call('ZRANGE', due, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1]))
`;

export const endScript = `${prelude}
local id, state = ARGV[1], ARGV[2]
if redis.call('ZREM', due, id) == 0 then return 0 end
local record = cjson.decode(redis.call('HGET', records, id))
record.state = state
record.endedAt = now
redis.call('HSET', records, id, cjson.encode(record))
redis.call('ZREM', pending, id)
redis.call('ZADD', sets[state], 0, id)
redis.call('ZADD', ended, now, id)
return 1
`;

export const postponeScript = `${prelude}
local id, milliseconds = ARGV[1], ARGV[2]
if not redis.call('ZSCORE', due, id) then return 0 end
local record = cjson.decode(redis.call('HGET', records, id))
record.expiresAt = string.format('%.0f', now + milliseconds)
redis.call('HSET', records, id, cjson.encode(record))
redis.call('ZADD', due, record.expiresAt, id)
return 1
`;

export const listScript = `${prelude}
return withRecords(redis.call('ZRANGE', sets[ARGV[1]], ARGV[2], '+', 'BYLEX', 'LIMIT', 0, ARGV[3]))
`;

export const nextScript = `${prelude}
local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
if not first[2] then return '' end
return string.format('%.0f', math.max(0, first[2] - now))
`;

export const purgeScript = `${prelude}
local ids = redis.call('ZRANGE', ended, '-inf', now - ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  redis.call('HDEL', records, id)
  redis.call('ZREM', ended, id)
  for _, set in pairs(sets) do redis.call('ZREM', set, id) end
end
return #ids
`;
