-- Lets the leases of a node that ends lapse at once, and forgets the node if it holds nothing.
-- KEYS: the stream. ARGV: the group, the node, the milliseconds of a lease.
-- Returns how many entries the node held.
local held = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1000000, ARGV[2])
for _, entry in ipairs(held) do
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry[1], 'IDLE', ARGV[3], 'JUSTID')
end
if #held == 0 then
    -- A consumer that is deleted takes its pending entries along, so this comes only without any.
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
return #held
