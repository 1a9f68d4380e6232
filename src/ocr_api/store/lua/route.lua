-- Writes which model reads a page. ARGV: id, number, attempt, model, keep, why auto chose it (empty =
-- it did not). Gives 1, or 0 for a stale claim. Without keep the page waits in its model's lane,
-- uncharged.
local id, number, attempt, model, keep, reason = unpack(ARGV)
if not owns(id, number, attempt) then
  return 0
end
local time = server_time()
redis.call('HSET', page_key(id, number), 'model', model, 'route_reason', reason)
redis.call('HSET', job_key(id), 'updated_at', stamp(time))
move_page(id, number, 'routed')
if keep == '0' then
  end_claim(id, number, 'released', time)
  uncharge(id, number)
  queue_page(id, number)
end
announce_job(id)
return 1
