-- Renews leases. ARGV: id, number, attempt, id, number, attempt...
-- Gives 1 (renewed) or 0 (no longer owned) for each.
local expires = stamp(server_time() + LIMIT.lease_s)
local renewed = {}
for index = 1, #ARGV, 3 do
  local id, number = ARGV[index], ARGV[index + 1]
  if owns(id, number, ARGV[index + 2]) then
    redis.call('ZADD', KEY.leases, expires, task_name(id, number))
    renewed[#renewed + 1] = 1
  else
    renewed[#renewed + 1] = 0
  end
end
return renewed
