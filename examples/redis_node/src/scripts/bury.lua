-- Moves a job that failed too often to the stream of dead letters.
-- KEYS: the stream, the dead letters.
-- ARGV: the group, the entry, the job's id, its payload, its attempts, the reason.
-- Returns 1 if this call has moved it, and 0 if the entry was settled before.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then
    return 0
end
redis.call('XDEL', KEYS[1], ARGV[2])
redis.call('XADD', KEYS[2], '*', 'id', ARGV[3], 'payload', ARGV[4],
    'attempts', ARGV[5], 'reason', ARGV[6])
return 1
