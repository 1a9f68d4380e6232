-- Ends a job that lives, and has its work stopped. ARGV: id. Gives cancelled, ended or unknown.
-- Its pages stay in their queues until `drop` comes: nobody can claim or finish them any more.
local id = ARGV[1]
if redis.call('EXISTS', job_key(id)) == 0 then
  return 'unknown'
elseif not job_is_live(id) then
  return 'ended'
end
redis.call('HDEL', job_key(id), 'problem')
end_job(id, 'cancelled', server_time())
stop_work(id)
return 'cancelled'
