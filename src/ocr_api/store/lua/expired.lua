-- Gives up to ARGV[1] jobs whose time is over, the oldest first.
local jobs = {}
local ids = redis.call('ZRANGEBYSCORE', KEY.ended, '-inf', stamp(server_time()), 'LIMIT', 0, ARGV[1])
for index, id in ipairs(ids) do
  jobs[index] = redis.call('HGETALL', job_key(id))
end
return jobs
