-- Brings the data from one layout to the next, whole or not at all. ARGV: version it is to have now.
-- Gives the version that holds.
local from = tonumber(ARGV[1])
if tonumber(redis.call('GET', KEY.schema)) == from then
  STEPS[from]()
  redis.call('SET', KEY.schema, from + 1)
end
return redis.call('GET', KEY.schema)
