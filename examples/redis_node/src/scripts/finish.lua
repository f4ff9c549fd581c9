-- The effect of a job and its acknowledgement, both or neither.
-- KEYS: the stream, the results, the effects. ARGV: the group, the entry, the job's id, the result.
-- Returns 1 if this call had the effect, and 0 if another call had it before.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then
    return 0 -- The entry is settled: an answer was lost, or another node was faster.
end
redis.call('XDEL', KEYS[1], ARGV[2])
if redis.call('HSETNX', KEYS[2], ARGV[3], ARGV[4]) == 0 then
    return 0 -- The producer has sent the job twice.
end
-- An effect that would show if it came twice.
redis.call('HINCRBY', KEYS[3], ARGV[3], 1)
return 1
