-- Ends a job that lives, and has its work stopped. ARGV: id. Gives cancelled, ended or unknown.
local id = ARGV[1]
if redis.call('EXISTS', job_key(id)) == 0 then
  return 'unknown'
elseif not job_is_live(id) then
  return 'ended'
end
drop_pages(id)
redis.call('HDEL', job_key(id), 'problem')
end_job(id, 'cancelled', server_time())
redis.call('PUBLISH', KEY.stop_news, id)
return 'cancelled'
