-- Writes the version of the layout where there is none. ARGV: version. Gives the one that holds.
redis.call('SETNX', KEY.schema, ARGV[1])
return redis.call('GET', KEY.schema)
