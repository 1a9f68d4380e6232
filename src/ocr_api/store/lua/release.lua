-- Hands a page back unread. ARGV: id, number, attempt, charge. Gives 1, or 0 for a stale claim.
local id, number, attempt, charge = unpack(ARGV)
if not owns(id, number, attempt) then
  return 0
end
end_claim(id, number, 'released', server_time())
if charge == '0' then
  uncharge(id, number)
end
queue_page(id, number)
return 1
