-- Renews the leases that a node still has, and takes none back from another node.
-- KEYS: the stream. ARGV: the group, the node, and the entries.
-- Returns the entries that another node holds. An entry that is settled has no lease, and is not
-- among them.
local lost = {}
for i = 3, #ARGV do
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)
    if pending[1] and pending[1][2] ~= ARGV[2] then
        lost[#lost + 1] = ARGV[i]
    elseif pending[1] then
        redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    end
end
return lost
